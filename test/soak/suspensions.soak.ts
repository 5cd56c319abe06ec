/**
 * Forty suspends and wakes of local Neon under load.
 */
process.env.SUSPENSIONS = '40'
await import('../../packages/local-neon/test/endurance.test.ts')

export {}
