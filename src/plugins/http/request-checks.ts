/**
 * Owns what is refused of a request before its route sees it: what two servers could read differently, text that is not
 * UTF-8, and members of a query that the schema of its route does not name.
 */
import { isUtf8 } from 'node:buffer'
import { Type } from '@sinclair/typebox'
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { HeaderRepeatedError, HeadersTooLargeError } from '../../errors.ts'
import { SOCKET_LIMITS } from '../../limits.ts'

const NO_QUERY = Type.Object({}, { additionalProperties: false })
// Node.js keeps the first of two, and whatever is in front of this server may have looked at the other.
const ONCE = /^(?:authorization|host)$/i
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i
const UTF_8 = /^utf-?8$/i
// RFC 3986: every other character is percent-encoded.
const URL_CHARACTERS = /^[\x21-\x7e]*$/

/** To be registered before the routes. The probes and the metrics take any query. */
async function requestChecksPlugin(fastify: FastifyInstance) {
  const parseJson = fastify.getDefaultJsonParser('error', 'error')

  fastify.addHook('onRoute', route => {
    route.schema = { querystring: NO_QUERY, ...route.schema }
  })
  fastify.addHook('onRequest', async request => {
    checkHeaders(request)
    if (!isWellFormed(request.url)) throw new errorCodes.FST_ERR_BAD_URL('the path or the query')
  })
  fastify.removeContentTypeParser(['application/json', 'text/plain'])
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const [, charset = 'utf-8'] = CHARSET.exec(String(request.headers['content-type'])) ?? []
    if (!UTF_8.test(charset)) done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE())
    else if (!isUtf8(body)) done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY())
    else parseJson(request, body.toString(), done)
  })
}

function checkHeaders({ raw: { rawHeaders } }: FastifyRequest) {
  const names = rawHeaders.filter((_text, index) => index % 2 === 0)
  // Node.js 20 passes a request on without those behind the limit, such as its Authorization; later lines refuse it
  // before it is a request.
  if (names.length > SOCKET_LIMITS.maxHeadersCount) throw new HeadersTooLargeError()
  const once = names.filter(name => ONCE.test(name)).map(name => name.toLowerCase())
  if (new Set(once).size < once.length) throw new HeaderRepeatedError()
}

/** Node.js reads bytes of a URL as Latin-1, and the parser of queries leaves as it is what is not UTF-8. */
function isWellFormed(url: string): boolean {
  try {
    decodeURIComponent(url)
    return URL_CHARACTERS.test(url)
  } catch {
    return false
  }
}

export default fp(requestChecksPlugin, { name: 'request-checks', fastify: '5.x' })
