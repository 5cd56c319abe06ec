/**
 * Thousands of random sequences, through NeonClient and the own client of the driver.
 */
process.env.DIFFERENTIAL_SEQUENCES ??= '2000'
await import('../neon/differential.test.ts')

export {}
