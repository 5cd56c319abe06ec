/**
 * Forty seconds of chaos.
 */
process.env.CHAOS_SECONDS = '40'
await import('../reliability/chaos.test.ts')

export {}
