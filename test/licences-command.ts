/**
 * `npm run licences`: writes the table of docs/reference/licences.md again.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DOCUMENT, withTable } from './support/licences.ts'
import { ROOT } from './support/processes.ts'

const file = join(ROOT, DOCUMENT)
writeFileSync(file, withTable(readFileSync(file, 'utf8')))
