/**
 * Ten thousand requests of which one in a hundred loses its link, and the heap that is left: the soak tests send two thousand.
 */
process.env.LOSS_ROUNDS = '10'
await import('../soak/losses.soak.ts')

export {}
