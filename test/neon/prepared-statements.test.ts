import t from 'tap'
import type { FrontendMessages } from '../../src/neon/frontend-messages.ts'
import { createPreparedStatements } from '../../src/neon/prepared-statements.ts'

/** Prepared statements, and what is written for them. */
function open(most?: number) {
  const prepared = createPreparedStatements(most)
  const written: string[] = []
  const ignore = () => {}
  const messages: FrontendMessages = {
    parse: (name, text) => written.push(`parse ${name}: ${text}`),
    closeStatement: name => written.push(`close ${name}`),
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
    prepared.write({ name, text }, messages)
    prepared.parsed(name)
    prepared.settled(name)
    return written.slice(before)
  }
  return { prepared, messages, use, written }
}

t.test('a named statement', async t => {
  t.test('is prepared with its first use and no other', async t => {
    const { use } = open()

    t.strictSame(use('one', 'select 1'), ['close one', 'parse one: select 1'])
    t.strictSame(use('one', 'select 1'), [])
  })

  t.test('is awaited until the server has answered', async t => {
    const { prepared, messages } = open()
    t.equal(prepared.isAwaited('one'), false)

    prepared.write({ name: 'one', text: 'select 1' }, messages)
    t.equal(prepared.isAwaited('one'), true)
    t.equal(prepared.isAwaited('other'), false)

    prepared.parsed('one')
    t.equal(prepared.isAwaited('one'), false)
  })

  t.test('is prepared again when it could not be', async t => {
    const { prepared, messages, use } = open()
    prepared.write({ name: 'one', text: 'select wrong' }, messages)

    prepared.settled('one')

    t.equal(prepared.isAwaited('one'), false)
    t.strictSame(use('one', 'select 1'), ['close one', 'parse one: select 1'])
  })

  t.test('is prepared again after all were forgotten', async t => {
    const { prepared, use } = open()
    use('one', 'select 1')
    use('two', 'select 2')

    prepared.doubtAll()

    t.strictSame(use('one', 'select 1'), ['close one', 'parse one: select 1'])
    t.strictSame(use('two', 'select 2'), ['close two', 'parse two: select 2'])
  })

  t.test('is prepared with the text that it had when it is in doubt and called by its name', async t => {
    const { prepared, use } = open()
    use('one', 'select 1')

    prepared.doubtAll()

    t.strictSame(use('one', ''), ['close one', 'parse one: select 1'])
    t.strictSame(use('two', ''), ['close two', 'parse two: '], 'the server knows what to say')
  })

  t.test('takes its name from every other text', async t => {
    const { prepared, use } = open()
    t.equal(prepared.isTaken({ name: 'one', text: 'select 1' }), false)

    use('one', 'select 1')

    t.equal(prepared.isTaken({ name: 'one', text: 'select 2' }), true)
    t.equal(prepared.isTaken({ name: 'one', text: 'select 1' }), false)
    t.equal(prepared.isTaken({ name: 'one', text: '' }), false, 'by its name alone')
    t.equal(prepared.isTaken({ name: 'two', text: 'select 2' }), false)
  })

  t.test('is not there by the answer to one without a name', async t => {
    const { prepared, use } = open()

    prepared.parsed('')
    prepared.parsed('one')

    t.strictSame(use('one', 'select 1'), ['close one', 'parse one: select 1'])
  })
})

t.test('more named statements than there may be', async t => {
  t.test('close the one that was not used for longest', async t => {
    const { use } = open(2)
    use('one')
    use('two')
    use('one')

    t.strictSame(use('three'), ['close two', 'close three', "parse three: select 'three'"])

    t.strictSame(use('one'), [])
    t.strictSame(use('two'), ['close three', 'close two', "parse two: select 'two'"])
  })

  t.test('are brought down to what there may be after many were prepared at once', async t => {
    const { prepared, messages, use, written } = open(2)
    const names = ['one', 'two', 'three', 'four']
    for (const name of names) prepared.write({ name, text: `select '${name}'` }, messages)
    for (const name of names) prepared.parsed(name)
    written.length = 0

    use('five')

    t.strictSame(written, [
      'close one',
      'close two',
      'close three',
      'close five',
      "parse five: select 'five'"
    ])
    t.strictSame(use('four'), [])
  })

  t.test('are 200 at most, as long as nobody says otherwise', async t => {
    const { use, written } = open()

    for (let count = 0; count < 201; count += 1) use(`name${count}`)

    t.equal(written.filter(line => line === 'close name0').length, 2)
    t.equal(written.filter(line => line === 'close name1').length, 1)
  })
})
