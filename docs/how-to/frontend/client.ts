/**
 * A client for the browser, typed by frontend/src/services/api.d.ts, which `npm run openapi` makes of the service.
 * Copy both files.
 */
import createClient, { type Middleware } from 'openapi-fetch'
import type { components, paths } from '../../../frontend/src/services/api.d.ts'

export type Task = components['schemas']['Task']
export type Problem = components['schemas']['Problem']

export interface ClientOptions {
  baseUrl: string
  /** Asked before each request, since tokens expire. */
  token: () => string | Promise<string>
}

export function createTaskClient({ baseUrl, token }: ClientOptions) {
  const client = createClient<paths>({ baseUrl })
  const signIn: Middleware = {
    async onRequest({ request }) {
      request.headers.set('authorization', `Bearer ${await token()}`)
      return request
    }
  }
  client.use(signIn)
  return client
}

export type TaskClient = ReturnType<typeof createTaskClient>

/** The ETag of a task that came in a list: a change under it is refused when somebody else was faster. */
export function etagOf({ version }: Task): string {
  return `"${version}"`
}

export type TaskQuery = Omit<NonNullable<paths['/tasks']['get']['parameters']['query']>, 'cursor'>

/** Page after page, until the last one. */
export async function* allTasks(client: TaskClient, query: TaskQuery = {}) {
  let cursor: string | null | undefined
  do {
    const { data, error } = await client.GET('/tasks', {
      params: { query: { ...query, ...(cursor && { cursor }) } }
    })
    if (error) throw new Error(error.code)
    yield* data.items
    cursor = data.nextCursor
  } while (cursor)
}
