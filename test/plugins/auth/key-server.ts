/**
 * The key server of an issuer, which may answer its metadata too.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Test } from 'tap'

export interface KeyAnswer {
  status: number
  body: string
  location?: string
}

export async function keyServer(t: Test, answer: (path: string) => KeyAnswer) {
  let count = 0
  const server = createServer(({ url = '' }, response) => {
    count += 1
    const { status, body, location } = answer(url)
    response
      .writeHead(status, { 'content-type': 'application/json', ...(location ? { location } : {}) })
      .end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { url: new URL(`http://127.0.0.1:${port}/jwks`), requests: () => count }
}
