import { afterAll } from 'vitest'
import { stopServers } from './server.ts'

// Before every file of the project, so that this comes after the file's own hooks: what a failed test could
// not stop.
afterAll(stopServers)
