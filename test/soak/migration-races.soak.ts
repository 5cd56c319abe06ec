/**
 * Eight processes that migrate one database at once, twice over.
 */
process.env.MIGRATION_ROUNDS ??= '2'
await import('../cli/migrate-at-once.test.ts')

export {}
