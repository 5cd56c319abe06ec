import t from 'tap'
import { createPreparedStatements } from '../../src/client/prepared-statements.ts'
import type { FrontendMessages } from '../../src/client/protocol/frontend-messages.ts'
import { createStatementNames } from '../../src/client/statement-names.ts'

/** Prepared statements, and what is written for them; each name is shown as the text that it stands for. */
function open(most?: number) {
  const names = createStatementNames()
  const prepared = createPreparedStatements({ names, ...(most && { most }) })
  const texts = new Map<string, string>()
  const written: string[] = []
  const ignore = () => {}
  const messages: FrontendMessages = {
    parse(name, text) {
      texts.set(name, text)
      written.push(name === '' ? `parse without a name: ${text}` : `parse ${text}`)
    },
    closeStatement: name => written.push(`close ${texts.get(name) ?? 'it'}`),
    bind: ignore,
    describePortal: ignore,
    closePortal: ignore,
    execute: ignore,
    sync: ignore,
    take: () => Buffer.alloc(0)
  }
  /** What is written to use it. The server answers with success. */
  const use = (name: string, text = `select '${name}'`) => {
    const before = written.length
    const { name: preparedAs } = prepared.write({ name, text }, messages)
    prepared.parsed(preparedAs)
    prepared.settled(preparedAs)
    return written.slice(before)
  }
  return { names, prepared, messages, use, written }
}

const ONE = { name: 'one', text: 'select 1' }

t.test('a named statement', async t => {
  t.test('is prepared with its first use and no other, under a name of its text', async t => {
    const { names, prepared, messages, use } = open()

    t.strictSame(use('one', 'select 1'), ['close it', 'parse select 1'])
    t.strictSame(use('one', 'select 1'), [])
    t.strictSame(use('another name of it', 'select 1'), ['close select 1', 'parse select 1'])
    t.strictSame(prepared.write(ONE, messages), { name: names.of('select 1')?.name, isReused: true })
  })

  t.test('is awaited until the server has answered', async t => {
    const { prepared, messages } = open()
    t.equal(prepared.isAwaited(ONE), false)

    const { name } = prepared.write(ONE, messages)
    t.equal(prepared.isAwaited(ONE), true)
    t.equal(prepared.isAwaited({ name: 'another name of it', text: 'select 1' }), true)
    t.equal(prepared.isAwaited({ name: 'one', text: 'select 2' }), true, 'its name may be taken')
    t.equal(prepared.isAwaited({ name: 'other', text: 'select 2' }), false)
    t.equal(prepared.isAwaited({ name: '', text: 'select 1' }), false)

    prepared.parsed(name)
    t.equal(prepared.isAwaited(ONE), false)
  })

  t.test('is prepared again when it could not be', async t => {
    const { prepared, messages, use } = open()
    const { name } = prepared.write({ name: 'one', text: 'select wrong' }, messages)

    prepared.settled(name)

    t.equal(prepared.isAwaited({ name: 'one', text: 'select wrong' }), false)
    t.equal(prepared.isTaken(ONE), false)
    t.strictSame(use('one', 'select 1'), ['close it', 'parse select 1'])
  })

  t.test('is prepared again after all were dropped', async t => {
    const { prepared, use } = open()
    use('one', 'select 1')
    use('two', 'select 2')

    prepared.forgetAll()

    t.strictSame(use('one', 'select 1'), ['close select 1', 'parse select 1'])
    t.strictSame(use('two', 'select 2'), ['close select 2', 'parse select 2'])
  })

  t.test('is prepared with the text that it had when it was dropped and is called by its name', async t => {
    const { prepared, use } = open()
    use('one', 'select 1')
    t.strictSame(use('one', ''), [])

    prepared.forgetAll()

    t.strictSame(use('one', ''), ['close select 1', 'parse select 1'])
    t.strictSame(use('two', ''), ['close it', 'parse '], 'the server knows what to say')
  })

  t.test('takes its name from every other text', async t => {
    const { prepared, use } = open()
    t.equal(prepared.isTaken(ONE), false)

    use('one', 'select 1')

    t.equal(prepared.isTaken({ name: 'one', text: 'select 2' }), true)
    t.equal(prepared.isTaken(ONE), false)
    t.equal(prepared.isTaken({ name: 'one', text: '' }), false, 'by its name alone')
    t.equal(prepared.isTaken({ name: 'two', text: 'select 2' }), false)
  })

  t.test('is not there by the answer to one without a name', async t => {
    const { prepared, use } = open()

    prepared.parsed('')
    prepared.parsed('one')

    t.strictSame(use('one', 'select 1'), ['close it', 'parse select 1'])
  })

  t.test('that cannot be executed any more is prepared with another text', async t => {
    const { names, prepared, messages, use } = open()
    use('one', 'select 1')
    const { name } = prepared.write(ONE, messages)

    prepared.noteStale(name)
    prepared.noteStale('no name of its own')

    t.strictSame(use('one', 'select 1'), ['close it', 'parse select 1\n/* 1 */'])
    t.strictSame(use('one', 'select 1'), [])
    t.not(names.of('select 1')?.name, name)
  })

  t.test('that cannot be executed although it was just prepared is prepared with another text', async t => {
    const { prepared, messages, use } = open()
    const { name } = prepared.write(ONE, messages)

    prepared.noteStale(name)
    prepared.settled(name)

    t.strictSame(use('one', 'select 1'), ['close it', 'parse select 1\n/* 1 */'])
  })

  t.test('goes without a name where names are given up, and is still called by it', async t => {
    const { names, prepared, messages, use } = open()
    use('one', 'select 1')

    names.giveUp()

    t.strictSame(use('one', 'select 1'), ['parse without a name: select 1'])
    t.strictSame(use('one', ''), ['parse without a name: select 1'])
    t.equal(prepared.nameOf(ONE), '')
    t.strictSame(prepared.replace(ONE, messages), { name: '', text: 'select 1' })
  })

  t.test('that the driver prepares by itself is closed before', async t => {
    const { names, prepared, messages, written, use } = open()
    use('one', 'select 1')
    written.length = 0

    const preparedAs = prepared.replace(ONE, messages)

    t.strictSame(preparedAs, names.of('select 1'))
    t.strictSame(written, ['close select 1'])
    prepared.parsed(preparedAs.name)
    t.strictSame(use('one', 'select 1'), [])
  })
})

t.test('more named statements than there may be', async t => {
  t.test('close the one that was not used for longest', async t => {
    const { use } = open(2)
    use('one')
    use('two')
    use('one')

    t.strictSame(use('three'), ["close select 'two'", 'close it', "parse select 'three'"])

    t.strictSame(use('one'), [])
    t.strictSame(use('two'), ["close select 'three'", "close select 'two'", "parse select 'two'"])
  })

  t.test('are brought down to what there may be after many were prepared at once', async t => {
    const { prepared, messages, use, written } = open(2)
    const given = ['one', 'two', 'three', 'four'].map(name =>
      prepared.write({ name, text: `select '${name}'` }, messages)
    )
    for (const { name } of given) prepared.parsed(name)
    written.length = 0

    use('five')

    t.strictSame(written, [
      "close select 'one'",
      "close select 'two'",
      "close select 'three'",
      'close it',
      "parse select 'five'"
    ])
    t.strictSame(use('four'), [])
  })

  t.test('are 200 at most, as long as nobody says otherwise', async t => {
    const { use, written } = open()

    for (let count = 0; count < 201; count += 1) use(`name${count}`)

    t.equal(written.filter(line => line === "close select 'name0'").length, 1)
    t.equal(written.filter(line => line === "close select 'name1'").length, 0)
  })
})
