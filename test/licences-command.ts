/**
 * `npm run licences`: writes the table of docs/reference/licences.md again.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DOCUMENT, withTable } from './licences.ts'
import { ROOT } from './processes.ts'

const file = join(ROOT, DOCUMENT)
writeFileSync(file, withTable(readFileSync(file, 'utf8')))
