/**
 * Twelve kills of the process that holds a local Neon.
 */
process.env.KILLS = '12'
await import('../../packages/local-neon/test/kills.test.ts')

export {}
