import { defineEventHandler } from 'h3'

export default defineEventHandler(() => ({ status: 'healthy', timestamp: new Date().toISOString() }))
