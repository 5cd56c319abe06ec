/**
 * Five thousand random sequences, through NeonClient and the own client of the driver: the soak tests run a thousand.
 */
process.env.DIFFERENTIAL_SEQUENCES ??= '5000'
await import('../../packages/fastify-neon/test/client/differential.test.ts')

export {}
