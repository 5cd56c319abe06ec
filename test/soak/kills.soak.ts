/**
 * Twenty-four kills of the process that holds a local Neon.
 */
process.env.KILLS = '24'
await import('../../packages/local-neon/test/kills.test.ts')

export {}
