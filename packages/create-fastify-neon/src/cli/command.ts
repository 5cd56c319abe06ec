/**
 * The command but for the process around it: its arguments, what it prints, and its exit code.
 */
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeProject } from '../project-files.ts'
import { projectName } from '../project-name.ts'
import { claimFolder } from '../target-folder.ts'
import { UsageError } from '../usage-error.ts'
import type { Variant } from '../variants.ts'

export interface CreateTerminal {
  /** Folder with a template for each variant. */
  templates: string
  cwd: string
  print: (text: string) => void
  printError: (text: string) => void
  /** Undefined where there is no terminal to ask in. */
  ask: ((question: string) => Promise<string>) | undefined
  /** Rejects when it fails, or when the signal aborts it. */
  install: (folder: string, signal: AbortSignal) => Promise<void>
  signal: AbortSignal
}

interface Order {
  folder: string
  variant: Variant
  packages: string | undefined
  isInstalled: boolean
}

const EXIT_FAILED = 1
const EXIT_USAGE = 2
/** Of a process that a shell has ended with Ctrl-C. */
const EXIT_ABORTED = 130

const OPTIONS = {
  'no-frontend': { type: 'boolean', default: false },
  'no-example': { type: 'boolean', default: false },
  'no-install': { type: 'boolean', default: false },
  packages: { type: 'string' },
  help: { type: 'boolean', default: false }
} as const

export const USAGE = `npm create fastify-neon FOLDER
npm create fastify-neon FOLDER -- [options]

Creates a Fastify service on Neon Postgres in FOLDER, which is missing or empty; . is the current folder.

  --no-frontend      without the frontend
  --no-example       without the tasks: their table, their routes and the frontend
  --no-install       do not run npm install
  --packages FOLDER  install fastify-neon, local-neon and migration-lint from the tarballs in this folder
  --help             print this`

/** Resolves with the exit code: 2 for a usage error, 130 when it was aborted, 1 for any other failure. */
export async function runCreate(args: string[], terminal: CreateTerminal): Promise<number> {
  const { print, printError, signal } = terminal
  try {
    const order = await readOrder(args, terminal)
    if (order === undefined) print(USAGE)
    else await create(order, terminal)
    return 0
  } catch (error) {
    if (signal.aborted) return EXIT_ABORTED
    const isUsage = error instanceof UsageError
    printError(messageOf(error))
    if (isUsage) printError(`\n${USAGE}`)
    return isUsage ? EXIT_USAGE : EXIT_FAILED
  }
}

/** Undefined when only the usage is wanted. */
async function readOrder(args: string[], { cwd, ask }: CreateTerminal): Promise<Order | undefined> {
  const { values, positionals } = parse(args)
  if (values.help) return undefined
  if (positionals.length > 1)
    throw new UsageError(`one folder, and not ${positionals.length}: ${positionals.join(' ')}`)
  const named = positionals[0] ?? (await ask?.('Folder of the new project: '))?.trim()
  if (!named) throw new UsageError('FOLDER is missing: npm create fastify-neon my-app')
  return {
    folder: resolve(cwd, named),
    variant: values['no-example'] ? 'no-example' : values['no-frontend'] ? 'no-frontend' : 'full',
    packages: values.packages === undefined ? undefined : resolve(cwd, values.packages),
    isInstalled: !values['no-install']
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}

async function create(
  order: Order,
  { templates, cwd, print, install, signal }: CreateTerminal
): Promise<void> {
  const { folder, variant, packages, isInstalled } = order
  const claimed = await claimFolder(folder)
  try {
    await writeProject({ template: join(templates, variant), folder, name: projectName(folder), packages })
    signal.throwIfAborted()
    if (isInstalled) await install(folder, signal)
  } catch (error) {
    await claimed.remove()
    throw error
  }
  print(nextSteps(relative(cwd, folder), isInstalled))
}

function nextSteps(folder: string, isInstalled: boolean): string {
  const before = [...(folder === '' ? [] : [`  cd ${folder}`]), ...(isInstalled ? [] : ['  npm install'])]
  return [
    '',
    `Created ${folder === '' ? 'the project in this folder' : folder}. Next:`,
    '',
    ...before,
    '  npm run dev   # the service, with a Postgres on this machine',
    '  npm test'
  ].join('\n')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`
}
