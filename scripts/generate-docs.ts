import { writeFile } from 'node:fs/promises'
import { timeoutsPage } from '../deploy/timeouts.ts'
import { configurationPage } from './configuration-page.ts'

/** `npm run docs`: writes the pages that are made from the source. */
await writeFile(new URL('../docs/configuration.md', import.meta.url), configurationPage())
await writeFile(new URL('../docs/timeouts.md', import.meta.url), timeoutsPage())
