/**
 * Makes, lists, changes and deletes tasks as a frontend does:
 * `TOKEN=$(npm run -s token -- alice) node --import ./typescript-loader.mjs docs/how-to/frontend/example.ts`
 */
import { randomUUID } from 'node:crypto'
import { allTasks, createTaskClient, etagOf, type Problem, type Task } from './client.ts'

const { API_URL: baseUrl = 'http://127.0.0.1:3000', TOKEN } = process.env
const client = createTaskClient({ baseUrl, token: () => `${TOKEN}` })

// The same key again, after a lost answer, makes no second task.
const key = randomUUID()
const [task, again] = [await create('water the plants', key), await create('water the plants', key)]
print(`made       ${task.title}${task.id === again.id ? ', once' : ''}`)
await create('call the bank', randomUUID())
await create('buy milk', randomUUID())

// In pages of two, so that there is more than one.
const open = { done: 'false', sort: 'title', limit: '2' } as const
for await (const { title } of allTasks(client, open)) print(`open       ${title}`)

// Two windows show the same task, and both change it.
await change(task, { done: true })
await change(task, { notes: 'the fern as well' })

for await (const { id } of allTasks(client)) await client.DELETE('/tasks/{id}', { params: { path: { id } } })

async function create(title: string, idempotencyKey: string): Promise<Task> {
  const { data, error } = await client.POST('/tasks', {
    params: { header: { 'idempotency-key': idempotencyKey } },
    body: { title }
  })
  return dataOr(error, data)
}

/** On the state that the user saw. */
async function change(seen: Task, changes: { done?: boolean; notes?: string }): Promise<Task> {
  const path = { id: seen.id }
  const { data, error, response } = await client.PATCH('/tasks/{id}', {
    params: { path, header: { 'if-match': etagOf(seen) } },
    body: changes
  })
  if (response.status !== 412) {
    print(`changed    ${Object.keys(changes)}`)
    return dataOr(error, data)
  }
  // Here a frontend asks its user. This one changes what is there now.
  print('changed    by somebody else meanwhile: read again')
  const now = await client.GET('/tasks/{id}', { params: { path } })
  return change(dataOr(now.error, now.data), changes)
}

function dataOr(error: Problem | undefined, data: Task | undefined): Task {
  if (data === undefined) throw new Error(error?.code)
  return data
}

function print(line: string) {
  process.stdout.write(`${line}\n`)
}
