/**
 * Forty-eight kills of the process that holds a local Neon: the soak tests have twelve.
 */
process.env.KILLS = '48'
await import('../../packages/local-neon/test/kills.test.ts')

export {}
