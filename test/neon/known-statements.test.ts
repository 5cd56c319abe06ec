import t from 'tap'
import { createKnownStatements } from '../../src/neon/known-statements.ts'

const nameAfter = (uses: number, text: string, known = createKnownStatements()) => {
  for (let use = 1; use < uses; use += 1) known.note(text)
  return known.note(text).name
}

t.test('a statement', async t => {
  t.test('gets a name with its third use, and keeps it', async t => {
    const known = createKnownStatements()

    const names = Array.from({ length: 5 }, () => known.note('select 1').name)

    t.strictSame(names, [undefined, undefined, 'fastify-neon-1', 'fastify-neon-1', 'fastify-neon-1'])
    t.equal(nameAfter(3, 'select 2', known), 'fastify-neon-2', 'each has its own')
  })

  t.test('gets none when its text is too long to be remembered', async t => {
    t.equal(nameAfter(9, `select '${'x'.repeat(10_000)}'`), undefined)
    t.equal(nameAfter(3, `select '${'x'.repeat(10_000 - 9)}'`), 'fastify-neon-1')
  })

  t.test('is forgotten when others were used since, and then has another name', async t => {
    const known = createKnownStatements({ usesForName: 1, most: 2 })
    known.note('select 1')
    known.note('select 2')
    known.note('select 1')

    t.equal(known.note('select 3').name, 'fastify-neon-3')

    t.equal(known.note('select 1').name, 'fastify-neon-1', 'it was used since')
    t.equal(known.note('select 2').name, 'fastify-neon-4')
  })

  t.test('is a query by its text, until the server has refused it', async t => {
    const known = createKnownStatements()
    t.equal(known.note('select 1').isQuery, true)
    t.equal(known.note('delete from notes').isQuery, false)

    known.noteWriter('select * into other from notes')
    known.noteWriter('select 1')

    t.equal(known.note('select * into other from notes').isQuery, false)
    t.equal(known.note('select 1').isQuery, false)
    t.equal(nameAfter(2, 'select 1', known), 'fastify-neon-1', 'a refusal counts for no use')
  })

  t.test('is slow or not as it was when it was run last', async t => {
    const known = createKnownStatements()
    t.equal(known.note('select 1').isSlow, false)

    known.noteSpeed('select 1', true)
    known.noteSpeed('select 2', true)

    t.equal(known.note('select 1').isSlow, true)
    t.equal(known.note('select 2').isSlow, false, 'it was not known')
    known.noteSpeed('select 1', false)
    t.equal(known.note('select 1').isSlow, false)
  })
})
