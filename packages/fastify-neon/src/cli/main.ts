#!/usr/bin/env node
/**
 * The process of `npx fastify-neon`.
 */
import { runSubcommand } from './subcommands.ts'
import { openTerminal } from './terminal.ts'

process.exitCode = await runSubcommand(process.argv.slice(2), openTerminal())
