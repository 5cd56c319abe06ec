/**
 * `npm run openapi`: writes docs/openapi.json anew, and the types that are made of it.
 */
import { writeOpenapi } from './openapi-document.ts'
import { openTerminal } from './terminal.ts'

process.exitCode = await writeOpenapi(process.argv.slice(2), openTerminal())
