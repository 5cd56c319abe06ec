/**
 * Every way out of every finding, also with the folders of Drizzle 1.0.
 */
process.env.ALL_WAYS_OUT = '1'
await import('../../packages/fastify-neon/test/cli/migration-repair.test.ts')

export {}
