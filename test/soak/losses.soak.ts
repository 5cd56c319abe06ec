/**
 * Two thousand requests of which one in a hundred loses its link; weekly it is ten thousand, and the heap that is left.
 */
process.env.LOSS_ROUNDS = '2'
await import('../reliability/losses.test.ts')

export {}
