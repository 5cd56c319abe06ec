/**
 * Fifty kills of the process that holds a local Neon.
 */
process.env.KILLS = '50'
await import('../local/kills.test.ts')

export {}
