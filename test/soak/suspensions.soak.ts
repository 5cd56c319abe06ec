/**
 * A hundred suspends and wakes of local Neon under load.
 */
process.env.SUSPENSIONS = '100'
await import('../local/endurance.test.ts')

export {}
