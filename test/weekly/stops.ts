/**
 * SIGTERM under load, ten times of each kind.
 */
process.env.STOP_ROUNDS = '10'
await import('../soak/stops.soak.ts')

export {}
