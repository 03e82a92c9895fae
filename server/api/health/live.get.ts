/** 200 while the process turns: a supervisor restarts it when not. Nothing else is looked at. */
export default defineEventHandler(() => ({ status: 'alive' }))
