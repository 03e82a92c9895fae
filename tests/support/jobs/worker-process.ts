import { pino } from 'pino'
import { openDatabase } from '../../../server/database/open.ts'
import { countedHandler, testWorker } from './effects.ts'

/** A worker in a process of its own, to be killed or frozen. Says each job that it begins, a line each. */
const [primaryUrl = '', instance = ''] = process.argv.slice(2)
const database = openDatabase({
  primaryUrl, replicaUrl: null, maxConnections: 4, log: pino({ level: 'silent' }),
})
const worker = testWorker(database, [countedHandler(label => process.stdout.write(`begun ${label}\n`))], {
  instance,
})
worker.start()
process.stdout.write('ready\n')
process.on('SIGTERM', () => void worker.stop().then(() => database.close()).then(() => process.exit(0)))
