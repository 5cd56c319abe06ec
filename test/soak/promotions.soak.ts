import t from 'tap'
import { administer, createDatabase } from '../support/postgres.ts'
import { runProgram } from '../support/processes.ts'

// A statement makes 10 to 60 KB. What is under way at a scavenge is promoted, and code that was compiled meanwhile.
const MOST_BYTES = 1100

t.test('nothing of a statement is kept until the next full collection', async t => {
  const url = await createDatabase(t, { migrated: false })
  await administer('create table notes (body text unique)', url)

  const { said } = runProgram(t, 'packages/fastify-neon/test/support/promotions.ts', { args: [url] })

  const promoted: Record<string, number> = JSON.parse(await said(/promoted (.*)\n/))
  for (const [way, bytes] of Object.entries(promoted))
    t.ok(bytes < MOST_BYTES, `by ${way} ${bytes} bytes of each`)
})
