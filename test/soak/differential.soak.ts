/**
 * Thousands of random sequences, through NeonClient and the own client of the driver.
 */
process.env.DIFFERENTIAL_SEQUENCES ??= '2000'
await import('../../packages/fastify-neon/test/client/differential.test.ts')

export {}
