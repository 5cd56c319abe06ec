/**
 * `npm run openapi`: writes docs/openapi.json again, and the types that are made of it.
 */
import { writeOpenapi } from './openapi-document.ts'

process.exitCode = await writeOpenapi(process.argv.slice(2))
