/**
 * `npm run compat -- [NAME …] [--document]`: runs the rows, or those whose name begins with a NAME. Prints a line for
 * each, and a last one in JSON. With `--document` it writes what it has found to docs/reference/compatibility.md.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { documentOf, type Result } from './document.ts'
import { packPackages, ROOT } from './packages.ts'
import { logOf, type Place, runRow } from './row.ts'
import { ROWS, type Row } from './rows.ts'

/** More would only wait for the processors. */
const AT_ONCE = 2
const NAME_WIDTH = 22
const PAGE = join(ROOT, 'docs', 'reference', 'compatibility.md')

const { values, positionals } = parseArgs({
  options: { document: { type: 'boolean' } },
  allowPositionals: true
})
const chosen = ROWS.filter(
  row => positionals.length === 0 || positionals.some(name => row.name.startsWith(name))
)
if (chosen.length === 0)
  throw new Error(`no row is named so; there are: ${ROWS.map(row => row.name).join(', ')}`)

const folder = await mkdtemp(join(tmpdir(), 'compat-'))
// Root's Postgres runs as another user, who has to get at its programs here.
await chmod(folder, 0o755)
const results = await runAll({ folder, tarballs: await packPackages(folder) })
const count = (outcome: Result['outcome']) => results.filter(result => result.outcome === outcome).length
say(JSON.stringify({ passed: count('ok'), failed: count('FAIL'), skipped: count('skip') }))
// The logs of what failed stay.
if (count('FAIL') > 0) process.exitCode = 1
else await rm(folder, { recursive: true })

/** In the order of the rows. */
async function runAll(place: Place): Promise<Result[]> {
  const waiting = chosen.entries()
  const done: Result[] = []
  await Promise.all(Array.from({ length: AT_ONCE }, runNext))
  return done

  async function runNext(): Promise<void> {
    for (const [index, row] of waiting) {
      const result = await resultOf(row, place)
      done[index] = result
      if (values.document) renewPage(result)
    }
  }
}

async function resultOf(row: Row, place: Place): Promise<Result> {
  const start = performance.now()
  const named = (outcome: string) => `${outcome.padEnd(4)} ${row.name.padEnd(NAME_WIDTH)}`
  if (row.skipped !== undefined) {
    say(`${named('skip')} ${row.skipped}`)
    return { row, outcome: 'skip', reason: row.skipped }
  }
  try {
    const versions = await runRow(row, place)
    say(`${named('ok')} ${Math.round((performance.now() - start) / 1000)} s`)
    return { row, outcome: 'ok', versions }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    say(`${named('FAIL')} ${reason} (${logOf(row, place)})`)
    return { row, outcome: 'FAIL', reason }
  } finally {
    await rm(join(place.folder, row.name), { recursive: true, force: true, maxRetries: 3 })
  }
}

/** At once, so that a run that is broken off has not been for nothing; in one step, since rows run at the same time. */
function renewPage(result: Result) {
  writeFileSync(PAGE, documentOf(result, existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : ''))
}

function say(line: string) {
  process.stdout.write(`${line}\n`)
}
