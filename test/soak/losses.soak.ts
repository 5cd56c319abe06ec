/**
 * Four thousand requests of which one in a hundred loses its link, and the heap that is left; weekly it is ten thousand.
 */
process.env.LOSS_ROUNDS = '4'
await import('../reliability/losses.test.ts')

export {}
