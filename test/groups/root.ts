/**
 * Stands in for `tap` in a test file of a group; own-root.mjs leads it here, with the file in the query.
 */
import { rootOf } from './run.ts'

export default rootOf(new URL(import.meta.url).searchParams.get('file') ?? '')
