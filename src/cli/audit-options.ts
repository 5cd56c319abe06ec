/**
 * What `npm run db:audit` is asked for: flags, and the connection string and role of the environment.
 */
import { DEFAULT_ROLE, NO_ROLE, roleOf } from '../config.ts'
import { deriveDirectUrl } from '../neon/connection-host.ts'
import type { ConnectionUrl } from '../neon/connection-url.ts'
import type { IsolationOptions } from '../neon/isolation.ts'
import { parse, verifiedConnection } from './migration-options.ts'

const TEXT = { type: 'string' } as const
const TEXTS = { type: 'string', multiple: true } as const
const SWITCH = { type: 'boolean', default: false } as const

export const AUDIT_USAGE = `npm run db:audit -- [options]

  --role NAME            what transactions switch to; ${NO_ROLE} is the login's own. Default: DATABASE_ROLE, or ${DEFAULT_ROLE}
  --owner-column NAME    column that says whose a row is. Default: owner
  --schema NAME          with tables of users; more than once if need be. Default: public
  --shared NAME          table or view that belongs to nobody; more than once if need be. Default: none
  --json                 one JSON document in place of lines

The login is the one of DATABASE_URL, as the service has it; of its host the direct one.`

export interface AuditCommand {
  url: ConnectionUrl
  options: IsolationOptions
  isJson: boolean
}

/** Undefined when only the usage is wanted. Throws UsageError. */
export function readAuditCommand(args: string[], env: NodeJS.ProcessEnv): AuditCommand | undefined {
  const values = parse(args, {
    role: TEXT,
    'owner-column': TEXT,
    schema: TEXTS,
    shared: TEXTS,
    json: SWITCH,
    help: SWITCH
  })
  if (values.help) return undefined
  const { DATABASE_URL, DATABASE_ROLE } = env
  return {
    url: verifiedConnection(DATABASE_URL && deriveDirectUrl(DATABASE_URL), 'DATABASE_URL'),
    options: {
      role: roleOf(values.role ?? (DATABASE_ROLE ? DATABASE_ROLE : DEFAULT_ROLE)),
      ownerColumn: values['owner-column'],
      schemas: values.schema,
      shared: values.shared
    },
    isJson: values.json
  }
}
