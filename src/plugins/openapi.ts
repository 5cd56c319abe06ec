/**
 * Owns the OpenAPI document, which is made of the schemas that the routes go by, and the page that shows it.
 * Both say what the source says, and nothing of a user.
 */
import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyError, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { RouteNotFoundError } from '../errors.ts'
import { sendProblem } from './http/error-handler.ts'

// The same place from src and from dist.
const PACKAGE = new URL('../../package.json', import.meta.url)

// Everything comes from here; the page calls nothing but this API.
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')

async function openapiPlugin(fastify: FastifyInstance) {
  const { version }: { version: string } = JSON.parse(readFileSync(PACKAGE, 'utf8'))
  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tasks',
        version,
        description: 'Tasks of signed-in users.',
        license: { name: 'MIT', identifier: 'MIT' }
      },
      servers: [{ url: '/', description: 'Where this document comes from' }],
      tags: [{ name: 'tasks', description: 'Of the signed-in user' }],
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'Of the issuer of the settings'
          }
        }
      }
    },
    // Probes and metrics are for the platform: a client made of this document has no use for them, and they
    // have documents of their own.
    hideUntagged: true,
    // Fastify takes the path of a list with a slash at the end and without; one of them is enough to know.
    transform: ({ schema, url }) => ({ schema, url: url.replace(/\/$/, '') }),
    // Each has a name, which is that of its type in a client.
    refResolver: { buildLocalReference: ({ $id }) => String($id) }
  })
  await fastify.register(async pages => {
    pages.setErrorHandler<FastifyError>((error, request, reply) =>
      sendProblem(isOfFiles(error) ? new RouteNotFoundError() : error, request, reply)
    )
    await pages.register(swaggerUi, { routePrefix: '/docs', staticCSP: PAGE_POLICY })
  })
  fastify.get('/openapi.json', { schema: { hide: true } }, async () => fastify.swagger())
}

/** What the server of files refuses has no code: a path that leads out of its folder, a range, a condition. */
function isOfFiles({ code, statusCode = 500 }: FastifyError): boolean {
  return code === undefined && statusCode < 500
}

export default fp(openapiPlugin, { name: 'openapi', fastify: '5.x' })
