/**
 * `npm --prefix bench run report`: docs/reference/benchmarks.md and its plots, from the last run of `all`, which is kept
 * beside them, or from the one that is kept already. `-- quick` takes the last one of `quick`.
 */
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { documentOf, plotsOf } from './document.ts'
import { type Run, textOf } from './results.ts'
import { rowsOf } from './rows.ts'

const KEPT = new URL('../comparison.json', import.meta.url)
const DOCS = new URL('../../docs/reference/', import.meta.url)

const [kind = 'all'] = process.argv.slice(2)
const last = new URL(`../results/${kind}-last.json`, import.meta.url)
const found: Run = JSON.parse(await readFile(existsSync(last) ? last : KEPT, 'utf8'))
// A target may have changed since.
const run: Run = { ...found, rows: rowsOf(found.samples) }
await writeFile(KEPT, textOf(run))
await writeFile(new URL('benchmarks.md', DOCS), documentOf(run))
for (const [name, svg] of Object.entries(plotsOf(run))) await writeFile(new URL(name, DOCS), svg)
