/**
 * What Fastify compiles of a schema is kept for the whole process: to compile those of the service again for each service
 * that a test builds would be a third of the processor time of such tests.
 */
import diagnostics from 'node:diagnostics_channel'
import buildValidatorFactory from '@fastify/ajv-compiler'
import buildSerializerFactory from '@fastify/fast-json-stringify-compiler'
import type { FastifyInstance } from 'fastify'

type Build = (externalSchemas: unknown, options: unknown) => (definition: { schema: unknown }) => unknown

diagnostics.subscribe('fastify.initialization', message => {
  const { fastify } = message as { fastify: FastifyInstance }
  Reflect.apply(fastify.setSchemaController, fastify, [{ compilersFactory }])
})

const compilersFactory = {
  buildValidator: once(buildValidatorFactory() as Build),
  buildSerializer: once(buildSerializerFactory() as Build)
}

function once(build: Build): Build {
  const compiled = new Map<string, unknown>()
  return (externalSchemas, options) => {
    let compile: ReturnType<Build> | undefined
    return definition => {
      const key = JSON.stringify([externalSchemas, options, definition.schema])
      if (!compiled.has(key)) {
        compile ??= build(externalSchemas, options)
        compiled.set(key, compile(definition))
      }
      return compiled.get(key)
    }
  }
}
