import t from 'tap'
import { asPipelineStatement, Pipeline } from '../../src/client/pipeline.ts'
import { openPool } from '../support/pools.ts'

t.test('what can be a statement of a pipeline', async t => {
  t.test('is a text, or what has one, with its values', async t => {
    t.match(asPipelineStatement('select 1'), { text: 'select 1', values: undefined })
    t.match(asPipelineStatement('select $1', [1]), { text: 'select $1', values: [1] })
    t.match(asPipelineStatement({ text: 'select $1', values: [1] }), { text: 'select $1', values: [1] })
    t.match(asPipelineStatement({ text: 'select 1', rowMode: 'array' }), { rowMode: 'array' })
    t.strictSame(asPipelineStatement({ text: 'select $1', values: [1] }, [2])?.values, [2])
  })

  t.test('has no callback, no pages, and nothing that is a query already', async t => {
    const callback = () => {}

    for (const others of ['submit', 'callback', 'rows', 'portal', 'binary'])
      t.equal(asPipelineStatement({ text: 'select 1', [others]: callback }), undefined, others)
    t.equal(asPipelineStatement('select 1', callback), undefined)
    t.equal(asPipelineStatement('select 1', [], callback), undefined)
    t.ok(asPipelineStatement('select 1', [], undefined))
  })

  t.test('is one statement, and none that needs the way for itself', async t => {
    for (const nothing of [undefined, null, 1, {}, { text: 1 }])
      t.equal(asPipelineStatement(nothing), undefined, String(nothing))
    t.equal(asPipelineStatement('select 1; select 2'), undefined)
    t.equal(asPipelineStatement('copy parents from stdin'), undefined)
  })
})

t.test('a pipeline', async t => {
  t.test('shows its last statement to who looks at what is running', async t => {
    const pipeline = new Pipeline([{ text: 'begin' }, { text: 'select $1', values: [1], name: 'one' }])

    t.match(pipeline, { text: 'select $1', values: [1], names: [], name: '' })
    t.strictSame(new Pipeline([{ text: 'select 1' }]).values, [])
  })

  t.test('of no statements is answered with no results', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const pipeline = new Pipeline([])

    t.match(pipeline, { text: '', values: [], name: '' })
    t.strictSame(await pool.runPipeline(() => pipeline), [])
  })

  t.test('rejects with what the parser of a type throws, and the client goes on', async t => {
    const { pool } = await openPool(t, { max: 1 })
    const refuse = () => {
      throw new Error('refused')
    }
    const wrong = { text: 'select 1 as n', types: { getTypeParser: () => refuse } }

    await t.rejects(
      pool.runPipeline(() => new Pipeline([wrong, { text: 'select 2 as n' }])),
      { message: 'refused' }
    )
    t.match(await pool.query('select 3 as n'), { rows: [{ n: 3 }] })
    t.equal(pool.stats().connects, 1)
  })
})
