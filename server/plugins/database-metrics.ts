import { exportDatabaseGauges } from '#server/lifecycle/database-gauges.ts'
import { servicesIfOpen } from '#server/lifecycle/services.ts'

/** What the database's monitor knows, for Prometheus. */
export default defineNitroPlugin(() => exportDatabaseGauges(() => servicesIfOpen()?.database ?? null))
