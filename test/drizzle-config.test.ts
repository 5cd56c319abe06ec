/**
 * Which database drizzle.config.ts leads drizzle-kit to.
 */
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import t from 'tap'
import { NODE_ARGS, ROOT } from './support/processes.ts'

const POOLED = 'postgresql://me:word@ep-x-1-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require'
const DIRECT = 'postgresql://me:word@ep-x-1.eu-central-1.aws.neon.tech/neondb?sslmode=require'
const OTHER = 'postgresql://owner:word@ep-x-1.eu-central-1.aws.neon.tech/neondb?sslmode=require'

t.test('drizzle-kit goes to the direct host, given or derived', async t => {
  t.strictSame(
    configuredUrls([
      { DATABASE_URL: POOLED },
      { DATABASE_URL: DIRECT },
      { DATABASE_URL: POOLED, DATABASE_URL_UNPOOLED: OTHER },
      { DATABASE_URL: POOLED, DATABASE_URL_UNPOOLED: '' },
      {}
    ]),
    [DIRECT, DIRECT, OTHER, DIRECT, '']
  )
})

/** What the file says in each environment, where no .env is, and without coverage, since drizzle-kit loads it in its own way. */
function configuredUrls(environments: Record<string, string>[]): string[] {
  const code = `const urls = []
    for (const [index, environment] of ${JSON.stringify(environments)}.entries()) {
      delete process.env.DATABASE_URL
      delete process.env.DATABASE_URL_UNPOOLED
      Object.assign(process.env, environment)
      urls.push((await import('${ROOT}drizzle.config.ts?' + index + '.ts')).default.dbCredentials.url)
    }
    console.log(JSON.stringify(urls))`
  const env = { PATH: process.env.PATH }
  const args = [...NODE_ARGS, '--input-type=module', '--eval', code]
  return JSON.parse(execFileSync(process.execPath, args, { cwd: tmpdir(), env, encoding: 'utf8' }))
}
