/**
 * The pages of the documentation that are carried out from top to bottom, how-to pages included.
 */
process.env.ALL_PAGES = '1'
await import('../soak/docs.soak.ts')

export {}
