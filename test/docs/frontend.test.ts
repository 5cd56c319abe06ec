import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { build } from '../support/app.ts'
import { administer } from '../support/postgres.ts'
import { NODE_ARGS, ROOT } from '../support/processes.ts'

const execute = promisify(execFile)

// It is documentation: nobody counts which lines of it ran.
const WITHOUT_COVERAGE = ['-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE']

t.test('the example of a frontend does what it says, against the service', async t => {
  const { app, token, databaseUrl } = await build(t)
  const settings = [
    `API_URL=${await app.listen({ port: 0, host: '127.0.0.1' })}`,
    `TOKEN=${await token('alice')}`
  ]
  const program = [process.execPath, ...NODE_ARGS, 'docs/how-to/frontend/example.ts']

  const { stdout } = await execute('env', [...WITHOUT_COVERAGE, ...settings, ...program], {
    cwd: ROOT,
    timeout: 60_000
  })

  t.strictSame(stdout.trim().split('\n'), [
    'made       water the plants, once',
    'open       buy milk',
    'open       call the bank',
    'open       water the plants',
    'changed    done',
    'changed    by somebody else meanwhile: read again',
    'changed    notes'
  ])
  t.strictSame(await administer('select 1 from tasks', databaseUrl), [])
})
