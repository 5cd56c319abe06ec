import t from 'tap'
import { createStatementCache } from '../../src/pool/statement-cache.ts'

const isFrequentAfter = (runs: number, text: string, known = createStatementCache()) => {
  for (let run = 1; run < runs; run += 1) known.noteRun(text)
  return known.noteRun(text).isFrequent
}

t.test('a statement', async t => {
  t.test('is a frequent one with its third run, and not by being asked for', async t => {
    const known = createStatementCache()
    for (let times = 0; times < 9; times += 1) t.equal(known.of('select 1').isFrequent, false)

    const frequent = Array.from({ length: 5 }, () => known.noteRun('select 1').isFrequent)

    t.strictSame(frequent, [false, false, true, true, true])
    t.equal(known.of('select 1').isFrequent, true)
  })

  t.test('is none when its text is too long to be remembered', async t => {
    t.equal(isFrequentAfter(9, `select '${'x'.repeat(10_000)}'`), false)
    t.equal(isFrequentAfter(3, `select '${'x'.repeat(10_000 - 9)}'`), true)
  })

  t.test('is forgotten when others were used since', async t => {
    const known = createStatementCache({ runsForFrequent: 2, most: 2 })
    for (const text of ['select 1', 'select 2', 'select 1', 'select 3']) known.noteRun(text)

    t.equal(known.of('select 1').isFrequent, true, 'it was used since')
    t.equal(known.noteRun('select 2').isFrequent, false)
  })

  t.test('is a query by its text, until the server has refused it', async t => {
    const known = createStatementCache()
    t.equal(known.of('select 1').isQuery, true)
    t.equal(known.of('delete from notes').isQuery, false)

    known.noteWriter('select * into other from notes')
    known.noteWriter('select 1')

    t.equal(known.of('select * into other from notes').isQuery, false)
    t.equal(known.of('select 1').isQuery, false)
    t.equal(isFrequentAfter(2, 'select 1', known), false, 'a refusal counts for no run')
  })

  t.test('is slow or not as it was when it was run last', async t => {
    const known = createStatementCache()
    t.equal(known.of('select 1').isSlow, false)

    known.noteSpeed('select 1', true)
    known.noteSpeed('select 2', true)

    t.equal(known.of('select 1').isSlow, true)
    t.equal(known.of('select 2').isSlow, false, 'it was not known')
    known.noteSpeed('select 1', false)
    t.equal(known.of('select 1').isSlow, false)
  })
})
