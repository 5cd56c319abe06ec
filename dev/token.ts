/**
 * `npm run token -- alice`: prints a token of the development issuer.
 */
import { existsSync } from 'node:fs'
import { localSettings } from 'local-neon/cli'
import { openIssuer } from './token-issuer.ts'

if (existsSync('.env')) process.loadEnvFile('.env')

const [subject] = process.argv.slice(2)
const LIFETIME = '8h'

if (subject === undefined || subject === '') {
  process.stderr.write('for whom? npm run token -- alice\n')
  process.exitCode = 1
} else {
  const issuer = await openIssuer(localSettings(process.env).directory)
  process.stdout.write(`${await issuer.sign(subject, LIFETIME)}\n`)
}
