/**
 * What one user leaves behind for the next, and many users at once, for longer.
 */
process.env.ISOLATION_ROUNDS ??= '300'
process.env.ISOLATION_SECONDS ??= '10'
await import('../isolation/state-leak.test.ts')
await import('../isolation/many-users.test.ts')

export {}
