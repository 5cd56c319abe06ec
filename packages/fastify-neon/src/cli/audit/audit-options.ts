/**
 * What `npx fastify-neon audit` is asked for: flags, and the connection string and role of the environment.
 */
import type { ConnectionUrl } from '../../connection-string/connection-url.ts'
import { deriveDirectUrl } from '../../connection-string/host.ts'
import type { IsolationOptions } from '../../rls-audit/audit.ts'
import { parse, verifiedConnection } from '../migration-options.ts'

const TEXT = { type: 'string' } as const
const TEXTS = { type: 'string', multiple: true } as const
const SWITCH = { type: 'boolean', default: false } as const

// As DATABASE_ROLE names it.
export const NO_ROLE = 'none'

export const AUDIT_USAGE = `npx fastify-neon audit [options]

  --role NAME            role that transactions switch to; ${NO_ROLE}: the role of the login. Default: DATABASE_ROLE
  --default-role NAME    role where neither --role nor DATABASE_ROLE is set. Default: ${NO_ROLE}
  --owner-column NAME    column that says whose a row is. Default: owner
  --schema NAME          with tables of users; more than once if need be. Default: public
  --shared NAME          table or view that belongs to nobody; more than once if need be. Default: none
  --json                 one JSON document in place of lines

The login is the one of DATABASE_URL, as the application has it; of its host the direct one.`

export interface AuditCommand {
  url: ConnectionUrl
  options: IsolationOptions
  isJson: boolean
}

/** Undefined when only the usage is wanted. Throws UsageError. */
export function readAuditCommand(args: string[], env: NodeJS.ProcessEnv): AuditCommand | undefined {
  const values = parse(args, {
    role: TEXT,
    'default-role': { ...TEXT, default: NO_ROLE },
    'owner-column': TEXT,
    schema: TEXTS,
    shared: TEXTS,
    json: SWITCH,
    help: SWITCH
  })
  if (values.help) return undefined
  const { DATABASE_URL, DATABASE_ROLE } = env
  const role = values.role ?? (DATABASE_ROLE ? DATABASE_ROLE : values['default-role'])
  return {
    url: verifiedConnection(DATABASE_URL && deriveDirectUrl(DATABASE_URL), 'DATABASE_URL'),
    options: {
      role: role === NO_ROLE ? undefined : role,
      ownerColumn: values['owner-column'],
      schemas: values.schema,
      shared: values.shared
    },
    isJson: values.json
  }
}
