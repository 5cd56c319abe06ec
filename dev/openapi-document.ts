/**
 * What `npm run openapi` writes: the OpenAPI document of the service, which needs no database for it.
 */
import { writeFile } from 'node:fs/promises'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config.ts'

const USAGE = 'where to? npm run openapi, or node dev/openapi.ts docs/openapi.json'

// Nothing of it is in the document, and nothing is asked for it: no token comes, and nobody listens at port 1.
const SETTINGS = {
  LOG_LEVEL: 'silent',
  DATABASE_URL: 'postgresql://nobody:none@127.0.0.1:1/none',
  AUTH_ISSUER: 'https://issuer.example',
  AUTH_AUDIENCE: 'tasks',
  AUTH_JWKS_URL: 'https://issuer.example/jwks.json'
}

/** Resolves with the exit code: 2 when it was asked wrongly. */
export async function writeOpenapi([path]: string[]): Promise<number> {
  if (path === undefined) {
    process.stderr.write(`${USAGE}\n`)
    return 2
  }
  await writeFile(path, await openapiDocument())
  process.stdout.write(`written    ${path}\n`)
  return 0
}

export async function openapiDocument(): Promise<string> {
  const app = await buildApp({ config: loadConfig(SETTINGS) })
  try {
    await app.ready()
    return `${JSON.stringify(app.swagger(), null, 2)}\n`
  } finally {
    await app.close()
  }
}
