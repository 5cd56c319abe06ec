/**
 * The packed packages in a stranger's project, with every way in which TypeScript finds modules.
 */
process.env.ALL_SETTINGS = '1'
await import('../soak/installed-packages.soak.ts')

export {}
