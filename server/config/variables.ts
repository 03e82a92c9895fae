import { databaseVariables } from './variables/database.ts'
import { demoVariables } from './variables/demo.ts'
import { gatewayVariables } from './variables/gateway.ts'
import { healthVariables } from './variables/health.ts'
import { ingestVariables } from './variables/ingest.ts'
import { instanceVariables } from './variables/instance.ts'
import { lifeCycleVariables } from './variables/life-cycle.ts'
import { mailVariables } from './variables/mail.ts'
import { mapVariables } from './variables/map.ts'
import { operatorsVariables } from './variables/operators.ts'
import { prometheusVariables } from './variables/prometheus.ts'
import { redisVariables } from './variables/redis.ts'
import { sessionsVariables } from './variables/sessions.ts'
import { statusPageVariables } from './variables/status-page.ts'
import { storageVariables } from './variables/storage.ts'
import { testsVariables } from './variables/test-breaks.ts'
import { tracesVariables } from './variables/traces.ts'

/**
 * Every variable that Fleet2 reads, by its key in the configuration; in the order of
 * `docs/configuration.md`.
 */
export const variables = {
  ...instanceVariables,
  ...databaseVariables,
  ...testsVariables,
  ...redisVariables,
  ...storageVariables,
  ...mailVariables,
  ...ingestVariables,
  ...sessionsVariables,
  ...lifeCycleVariables,
  ...healthVariables,
  ...prometheusVariables,
  ...statusPageVariables,
  ...operatorsVariables,
  ...tracesVariables,
  ...gatewayVariables,
  ...demoVariables,
  ...mapVariables,
}
