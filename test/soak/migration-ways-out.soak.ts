/**
 * A way out of each kind of finding, with the folders of Drizzle 1.0; weekly it is every way.
 */
process.env.WAYS_OUT_OF_FOLDERS = 'first'
await import('../../packages/fastify-neon/test/cli/migration-repair.test.ts')

export {}
