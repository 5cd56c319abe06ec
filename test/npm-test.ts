/**
 * `npm test`: tap, with what is behind the command. The coverage gate holds where all tests run. Where PgBouncer or Redis is
 * missing, the tests with it are skipped, and what they alone reach is not missed; in CI they fail.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './support/processes.ts'

const skipped = process.env.CI ? [] : await reasons()
for (const reason of skipped) process.stdout.write(`# without the coverage gate: ${reason}\n`)
const flags = skipped.length === 0 ? [] : ['--allow-incomplete-coverage']
const tap = [join(ROOT, 'node_modules/.bin/tap'), ...flags, ...process.argv.slice(2)]
const child = spawn(process.execPath, tap, { cwd: ROOT, stdio: 'inherit' })
// A terminal's Ctrl-C goes to tap as well.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', code => {
  process.exitCode = code ?? 1
})

async function reasons(): Promise<string[]> {
  const { NO_POOLER } = await import('./support/pooler.ts')
  const { NO_REDIS } = await import('./support/redis.ts')
  return [NO_POOLER, NO_REDIS].filter(reason => reason !== false)
}
