/**
 * What `npm run token` does, but for the process around it.
 */
import type { Writable } from 'node:stream'
import { parseArgs } from 'node:util'
import { localSettings } from 'local-neon/cli'
import type { Environment } from '../src/config.ts'
import { openIssuer } from './token-issuer.ts'

export interface TokenTerminal {
  env: Environment
  output: Pick<Writable, 'write'>
  errors: Pick<Writable, 'write'>
}

const LIFETIME = '8h'
const OPTIONS = {
  lifetime: { type: 'string', default: LIFETIME },
  help: { type: 'boolean', default: false }
} as const

const USAGE = `npm run -s token -- SUBJECT [options]

Prints a token with which the service of npm run dev takes you for SUBJECT, such as alice: the sub of the token, and the
owner of what it makes. It is signed with the key in .local-neon, which is made on first use.

  --lifetime TIME    how long it is valid, such as 30m, 8h or "30 days". Default: ${LIFETIME}
  --help             prints this

  curl -H "authorization: Bearer $(npm run -s token -- alice)" http://127.0.0.1:3000/tasks`

/** Resolves with the exit code: 2 when it was asked wrongly. */
export function runToken(args: string[], { env, output, errors }: TokenTerminal): Promise<number> {
  return answer(args, env).then(
    text => {
      output.write(`${text}\n`)
      return 0
    },
    (error: Error) => {
      errors.write(`${error.message}\n\n${USAGE}\n`)
      return 2
    }
  )
}

async function answer(args: string[], env: Environment): Promise<string> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const [subject, ...others] = positionals
  if (values.help) return USAGE
  if (!subject || others.length > 0) throw new Error('for whom? Name one SUBJECT')
  const issuer = await openIssuer(localSettings(env).directory)
  return issuer.sign(subject, values.lifetime)
}
