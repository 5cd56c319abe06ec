/**
 * What of the project has to fit the database: its migrations, and the issuer of its tokens.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { deriveDirectUrl } from '../../connection-string/host.ts'
import { systemCode } from '../../errors/driver-error.ts'
import { fixOf, readMigrationStatus } from '../../migrations/migrations.ts'
import { judgeSkew } from './database-steps.ts'
import { andMore, failed, ok, type Step, skipped } from './step.ts'

export const MIGRATIONS_STEP: Step = {
  name: 'migrations',
  async look({ url, folder }) {
    if (!existsSync(folder)) return skipped(`there is no folder ${folder}`)
    const { applied, findings } = await readMigrationStatus({ url: deriveDirectUrl(url.href), folder })
    const [first, ...others] = findings
    if (first === undefined) return ok(`${applied.length} applied`)
    return failed(`${first.migration}: ${first.message}${andMore(others)}`, fixOf(first))
  }
}

export const ISSUER_STEP: Step = {
  name: 'keys of the issuer',
  async look({ jwksUrl, timeoutMs }) {
    if (jwksUrl === undefined) return skipped('AUTH_JWKS_URL is not set')
    const { text, date } = await readKeys(jwksUrl, timeoutMs)
    const { keys } = JSON.parse(text)
    if (!Array.isArray(keys) || keys.length === 0)
      return failed(`${jwksUrl.host} has no keys`, 'Check AUTH_JWKS_URL: it is the jwks_uri of your issuer.')
    const skew = date === null ? ok('') : judgeSkew(Date.parse(date) - Date.now(), 'the issuer')
    return { ...skew, text: [`${keys.length} of them`, skew.text].filter(Boolean).join(', ') }
  }
}

async function readKeys(url: URL, timeoutMs: number): Promise<{ text: string; date: string | null }> {
  if (url.protocol === 'file:') return { text: await readFile(url, 'utf8'), date: null }
  const signal = AbortSignal.timeout(timeoutMs)
  const response = await fetch(url, { redirect: 'error', signal }).catch(error => {
    throw new Error(`${url.host} cannot be reached (${systemCode(error)})`)
  })
  if (response.status !== 200) throw new Error(`${url.host} answered ${response.status}`)
  return { text: await response.text(), date: response.headers.get('date') }
}
