import t from 'tap'
import { audit } from '../../src/cli/audit-command.ts'
import { createDatabase } from '../postgres.ts'
import { captured } from './captured.ts'

const run = captured(audit)
t.test('try', async t => {
  const DATABASE_URL = await createDatabase(t)
  console.error((await run({ DATABASE_URL })).text)
  console.error((await run({ DATABASE_URL }, '--role', 'none')).text)
  console.error((await run({ DATABASE_URL }, '--role', 'nobody')).text)
})
