/**
 * Owns what plain HTTP is answered, which is not served here: in the words of Neon's proxy
 * (proxy/src/serverless/mod.rs), and with a header that says which local Neon this is.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

export const IDENTITY_HEADER = 'local-neon'

const SQL_PATH = '/sql'
const NOT_SERVED = JSON.stringify('query is not supported')
/** As the driver's `neon()` is told that its URL is missing. */
const NO_CONNECTION_STRING = JSON.stringify({
  message: 'invalid header: neon-connection-string',
  code: '',
  detail: null,
  hint: null,
  position: null,
  internalPosition: null,
  internalQuery: null,
  severity: '',
  where: null,
  table: null,
  column: null,
  schema: null,
  dataType: null,
  constraint: null,
  file: null,
  line: null,
  routine: null
})

export function answerHttp(identity: string): (request: IncomingMessage, response: ServerResponse) => void {
  return ({ method, url }, response) => {
    const headers = { connection: 'close', [IDENTITY_HEADER]: identity }
    if (url === SQL_PATH && method === 'OPTIONS') return void response.writeHead(200, headers).end()
    const body = url === SQL_PATH && method === 'POST' ? NO_CONNECTION_STRING : NOT_SERVED
    response.writeHead(400, { ...headers, 'content-type': 'application/json' }).end(body)
  }
}
