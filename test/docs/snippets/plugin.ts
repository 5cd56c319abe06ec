/**
 * `fastify-neon/db` as JavaScript has it: with any tables.
 */

import neonDb, { type DbOptions } from 'fastify-neon/db'
import type { Plugin } from '../../../packages/fastify-neon/src/plugins/plugin.ts'

export * from 'fastify-neon/db'

type Named = Extract<DbOptions, { name: string }>

export default neonDb as unknown as Plugin<Omit<Named, 'name'> & { name?: string }>
