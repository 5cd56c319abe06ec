import t from 'tap'
import { createChangeQueue } from '../../src/services/change-queue.ts'
import { queryOf, readFilters, writeFilters } from '../../src/services/task-filters.ts'
import type { Outcome } from '../../src/services/tasks.ts'
import type { Task, TaskChanges } from '../../src/services/types.ts'

const task = { id: '1', title: 'milk', notes: '', done: false, version: 1 } as Task

t.test('changes of one task', async t => {
  /** A service that makes a new version of each change, or finds that somebody was faster. */
  function scene(isFaster: (seen: Task) => boolean = () => false) {
    const seen: number[] = []
    const change = async (before: Task, changes: TaskChanges): Promise<Outcome> => {
      seen.push(before.version)
      if (isFaster(before)) return { isDone: false, theirs: { ...before, version: 9 } }
      return { isDone: true, task: { ...before, ...changes, version: before.version + 1 } }
    }
    const remove = async (before: Task) => {
      seen.push(before.version)
      return { isDone: true } as const
    }
    return { seen, queue: createChangeQueue({ change, remove }) }
  }

  t.test('are sent one after the other, each on the version of the one before', async t => {
    const { queue, seen } = scene()

    const both = Promise.all([queue.change(task, { done: true }), queue.change(task, { done: false })])
    t.ok(queue.isBusy('1'))

    t.match(await both, [{ task: { done: true, version: 2 } }, { task: { done: false, version: 3 } }])
    t.strictSame(seen, [1, 2])
    t.notOk(queue.isBusy('1'))
  })

  t.test('are no conflict with what this window did itself since', async t => {
    const { queue, seen } = scene()
    await queue.change(task, { done: true })
    await queue.change({ ...task, version: 2 }, { done: false })

    await queue.change(task, { title: 'as it was when the editor was opened' })
    await queue.remove(task)

    t.strictSame(seen, [1, 2, 3, 4])
  })

  t.test('are one with what somebody else did between', async t => {
    const { queue, seen } = scene()
    await queue.change(task, { done: true })
    // Version 4 was read since.
    await queue.change({ ...task, version: 4 }, { done: false })

    await queue.change(task, { title: 'of version 1' })

    t.strictSame(seen, [1, 4, 1])
  })

  t.test('begin with what the user saw again after a conflict', async t => {
    const { queue, seen } = scene(({ version }) => version === 1)

    t.match(await queue.change(task, { done: true }), { isDone: false, theirs: { version: 9 } })
    await queue.change({ ...task, version: 9 }, { done: true })

    t.strictSame(seen, [1, 9])
  })

  t.test('go on after one that failed', async t => {
    const queue = createChangeQueue({
      change: async (_seen, { done }) => {
        if (done) throw new Error('refused')
        return { isDone: true, task }
      },
      remove: async () => ({ isDone: true })
    })

    const first = queue.change(task, { done: true })
    const second = queue.change(task, { done: false })

    await t.rejects(first, { message: 'refused' })
    t.match(await second, { isDone: true })
  })
})

t.test('the filters of the list', async t => {
  t.test('are in the address, but for what is usual', async t => {
    t.equal(writeFilters({ q: '', done: 'all', sort: '-createdAt' }), '')
    t.equal(writeFilters({ q: 'a&b c', done: 'false', sort: 'title' }), '?q=a%26b+c&done=false&sort=title')
    t.strictSame(readFilters('?q=a%26b+c&done=false&sort=title'), {
      q: 'a&b c',
      done: 'false',
      sort: 'title'
    })
  })

  t.test('are the usual ones where the address has others', async t => {
    t.strictSame(readFilters('?done=maybe&sort=toString&limit=5'), { q: '', done: 'all', sort: '-createdAt' })
  })

  t.test('are asked of the service without what is empty', async t => {
    t.strictSame(queryOf(readFilters('')), { sort: '-createdAt' })
    t.strictSame(queryOf(readFilters('?q=x&done=true')), { sort: '-createdAt', q: 'x', done: 'true' })
  })
})
