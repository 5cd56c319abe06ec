/**
 * A run of the migrations that is killed at each boundary between two statements.
 */
process.env.KILLED_AT = 'each'
await import('../../packages/fastify-neon/test/cli/migrate-killed.test.ts')

export {}
