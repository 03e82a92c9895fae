import { writeFile } from 'node:fs/promises'
import { configurationPage } from './configuration-page.ts'

/** `npm run docs`: writes the pages that are made from the source. */
await writeFile(new URL('../docs/configuration.md', import.meta.url), configurationPage())
