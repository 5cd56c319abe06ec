/**
 * Another version of a package, for a whole process: see other-version.mjs.
 */

/** Whoever imports these packages from now on gets the copies in these folders. */
export async function importCopies(copies: Record<string, string>): Promise<void> {
  process.env.OTHER_VERSIONS = JSON.stringify(copies)
  // By a URL, since it has no types.
  await import(new URL('./other-version.mjs', import.meta.url).href)
}
