/**
 * Every way out of every finding, also with the folders of Drizzle 1.0.
 */
process.env.WAYS_OUT_OF_FOLDERS = 'all'
await import('../../packages/fastify-neon/test/cli/migration-repair.test.ts')

export {}
