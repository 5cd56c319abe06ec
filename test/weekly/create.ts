/**
 * `npm create fastify-neon` with each of its options: the soak tests make the service that has everything.
 */
process.env.ALL_VARIANTS = '1'
await import('../soak/create.soak.ts')

export {}
