/**
 * A thousand random sequences, through NeonClient and the own client of the driver.
 */
process.env.DIFFERENTIAL_SEQUENCES ??= '1000'
await import('../../packages/fastify-neon/test/client/differential.test.ts')

export {}
