/**
 * The API as typed functions: openapi-fetch on the types of its document, with the token of the session.
 */
import createClient from 'openapi-fetch'
import type { Session } from './sign-in/session.ts'
import type { paths } from './types.ts'

export function createApiClient(baseUrl: string, session: Pick<Session, 'get'>) {
  const client = createClient<paths>({ baseUrl, cache: 'no-store' })
  client.use({
    onRequest({ request }) {
      const token = session.get()?.token
      if (token !== undefined) request.headers.set('authorization', `Bearer ${token}`)
      return request
    }
  })
  return client
}

export type ApiClient = ReturnType<typeof createApiClient>
