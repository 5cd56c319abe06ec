import t from 'tap'
import { createOutbox, type OutboxOptions } from '../../src/services/outbox.ts'
import type { NewTask, Task } from '../../src/services/types.ts'
import { memoryLocks, memoryStorage } from './browser-fakes.ts'

const DAY_MS = 24 * 60 * 60_000

/** A service that answers when it is told to. */
function scene() {
  const storage = memoryStorage()
  const locks = memoryLocks()
  const sent: {
    task: NewTask
    key: string
    answer: (task?: Task) => void
    refuse: (reason: string) => void
  }[] = []
  const created: (Task | undefined)[] = []
  let now = 0
  return {
    storage,
    sent,
    created,
    pass(ms: number) {
      now += ms
    },
    /** A window, of this user. Its `end` is that of the window or of the user. */
    open(user = 'alice', options: Partial<OutboxOptions> = {}) {
      const end = new AbortController()
      const outbox = createOutbox({
        storage,
        user,
        locks,
        signal: end.signal,
        now: () => now,
        onCreated: task => created.push(task),
        create: (task, key) =>
          new Promise((resolve, reject) => {
            end.signal.addEventListener('abort', () => reject(end.signal.reason))
            sent.push({
              task,
              key,
              answer: () => resolve({ title: task.title } as Task),
              refuse: reason => reject(new Error(reason))
            })
          }),
        ...options
      })
      return { outbox, end }
    }
  }
}

const settled = () => new Promise(setImmediate)

t.test('the outbox', async t => {
  t.test('stores a task before it is sent, and forgets it when it is made', async t => {
    const { open, sent, created, storage } = scene()
    const { outbox } = open()
    outbox.add({ title: 'milk', notes: 'oat' })
    t.match(outbox.get(), [{ title: 'milk', notes: 'oat', key: /^[\da-f-]{36}$/ }])
    t.match(storage.getItem('outbox:alice'), /milk/)
    await settled()
    t.strictSame(
      sent.map(({ task }) => task),
      [{ title: 'milk', notes: 'oat' }]
    )

    sent[0]?.answer()
    await settled()

    t.strictSame(outbox.get(), [])
    t.equal(storage.length, 0)
    t.match(created, [{ title: 'milk' }])
  })

  t.test('sends what a window before has left, under the same key', async t => {
    const { open, sent } = scene()
    const before = open()
    before.outbox.add({ title: 'milk', notes: '' })
    await settled()
    before.end.abort()
    await settled()

    const { outbox } = open()
    await settled()
    t.equal(outbox.get().length, 1)
    t.equal(sent.length, 2)
    t.equal(sent[1]?.key, sent[0]?.key)
    sent[1]?.answer()
    await settled()

    t.strictSame(outbox.get(), [])
  })

  t.test('sends one from one window at a time, and not again when another has made it', async t => {
    const { open, sent, created } = scene()
    open().outbox.add({ title: 'milk', notes: '' })
    const other = open()
    await settled()
    t.equal(sent.length, 1)

    sent[0]?.answer()
    await settled()

    t.equal(sent.length, 1)
    t.strictSame(other.outbox.get(), [])
    t.match(created, [{ title: 'milk' }, undefined])
  })

  t.test('waits for its user', async t => {
    const { open, sent } = scene()
    const alice = open('alice')
    alice.outbox.add({ title: 'hers', notes: '' })
    await settled()
    alice.end.abort()

    const bob = open('bob')
    await settled()
    t.strictSame(bob.outbox.get(), [])
    t.equal(sent.length, 1)
    open('alice')
    await settled()

    t.equal(sent.length, 2)
  })

  t.test('keeps what was refused until it is discarded, and does not send it again', async t => {
    const { open, sent } = scene()
    const { outbox } = open()
    outbox.add({ title: 'milk', notes: '' })
    await settled()
    sent[0]?.refuse('too much')
    await settled()
    t.match(outbox.get(), [{ title: 'milk', refusal: 'too much' }])

    const { outbox: next } = open()
    await settled()
    t.equal(sent.length, 1)
    next.discard(`${next.get()[0]?.key}`)

    t.strictSame(next.get(), [])
  })

  t.test('does not send a key that the service has forgotten', async t => {
    const { open, sent, pass } = scene()
    const before = open()
    before.outbox.add({ title: 'milk', notes: '' })
    await settled()
    before.end.abort()
    pass(DAY_MS)

    const { outbox } = open()
    await settled()

    t.equal(sent.length, 1)
    t.match(outbox.get(), [{ refusal: /look for it in the list/ }])
  })
})
