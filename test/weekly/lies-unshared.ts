/**
 * A peer that lies, where each connection has one pipeline at a time.
 */
process.env.LIES_SHARING = '1'
await import('../soak/lies.soak.ts')

export {}
