import t from 'tap'
import { build } from '../helper.ts'
import { administer } from '../postgres.ts'
import { runProgram } from '../processes.ts'

t.test('the example of a frontend does what it says, against the service', async t => {
  const { app, token, databaseUrl } = await build(t)
  const API_URL = await app.listen({ port: 0, host: '127.0.0.1' })

  // It is documentation, so its coverage is nobody's business.
  const { ended, output } = runProgram(t, 'docs/frontend/example.ts', {
    env: { API_URL, TOKEN: await token('alice'), NODE_V8_COVERAGE: '' }
  })

  t.equal(await ended, 0)
  t.strictSame(output().trim().split('\n'), [
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
