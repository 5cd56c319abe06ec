/**
 * Eight processes that migrate one database at once.
 */
process.env.MIGRATION_ROUNDS ??= '1'
await import('../../packages/fastify-neon/test/cli/migrate-at-once.test.ts')

export {}
