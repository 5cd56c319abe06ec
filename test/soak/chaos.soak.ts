/**
 * A minute of chaos.
 */
process.env.CHAOS_SECONDS = '60'
await import('../reliability/chaos.test.ts')

export {}
