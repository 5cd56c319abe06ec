/**
 * `fastify-neon migrate|status|mark-applied|repair|audit|check|doctor`: one file for each subcommand.
 */
import { audit } from './audit/audit-command.ts'
import { check } from './check-command.ts'
import { doctor } from './doctor/doctor-command.ts'
import { configured } from './drizzle-config.ts'
import { mark as markApplied } from './mark-applied-command.ts'
import { migrate } from './migrate-command.ts'
import { repair } from './repair-command.ts'
import { showStatus } from './status-command.ts'
import type { Terminal } from './terminal.ts'

const COMMANDS: Record<string, (args: string[], terminal: Terminal) => Promise<number>> = {
  audit,
  check,
  doctor,
  'mark-applied': configured(markApplied),
  migrate: configured(migrate),
  repair: configured(repair),
  status: configured(showStatus)
}

const USAGE = `fastify-neon ${Object.keys(COMMANDS).sort().join('|')} [options]

Each command explains its options with --help.`

/** Runs the subcommand that is named first. Resolves with the exit code. */
export async function runSubcommand([name = '', ...args]: string[], terminal: Terminal): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command) return await command(args, terminal)
  const isHelp = name === '--help' || name === '-h'
  if (isHelp) terminal.print(USAGE)
  else terminal.printError(name === '' ? USAGE : `unknown command: ${name}\n\n${USAGE}`)
  return isHelp ? 0 : 2
}
