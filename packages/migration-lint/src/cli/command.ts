/**
 * What the command does: its exit code is 0 when nothing is wrong with the migrations, that of the gravest finding,
 * 1 when something could not be checked, and 2 when it was asked wrongly.
 */
import { parseArgs } from 'node:util'
import { exitCodeOf } from 'fastify-neon/migration-files'
import { readSources } from '../configuration.ts'
import { gitIn } from '../git.ts'
import { checkMigrations } from '../lint.ts'
import { reportJson, reportText } from '../report.ts'
import { UsageError } from '../usage-error.ts'

const TEXT = { type: 'string' } as const
const SWITCH = { type: 'boolean', default: false } as const

const USAGE = `migration-lint [options]

  --base REF        branch or commit that the migrations go to. Default: origin/main, or else main
  --no-base         compares with none, and examines every migration for hazards
  --schema PATH     file, folder or glob of the schema, more than once if need be. Default: as the configuration has it
  --folder FOLDER   of the migrations. Default: as the configuration has it
  --config FILE     of drizzle-kit. Default: drizzle.config.ts, .js, .mjs, .cjs or .json
  --json            prints one JSON document`

export interface Output {
  print: (text: string) => void
  printError: (text: string) => void
}

/** Resolves with the exit code. */
export async function runLint(args: string[], output: Output): Promise<number> {
  return await run(args, output).catch((error: Error) => {
    const isAskedWrongly = error instanceof UsageError
    output.printError(
      isAskedWrongly ? `${error.message}\n\n${USAGE}` : `migrations not checked: ${error.message}`
    )
    return isAskedWrongly ? 2 : 1
  })
}

async function run(args: string[], { print, printError }: Output): Promise<number> {
  const values = await readArguments(args).catch((error: Error) => {
    throw new UsageError(error.message)
  })
  if (values.help) {
    print(USAGE)
    return 0
  }
  const { json, base, 'no-base': withoutBase, ...wishes } = values
  if (withoutBase && base !== undefined) throw new UsageError('--base and --no-base exclude each other')
  const sources = await readSources(wishes)
  const git = withoutBase ? undefined : gitIn(sources.folder)
  const report = await checkMigrations({ ...sources, git, base })
  print(json ? reportJson(report) : reportText(report))
  if (report.failure !== undefined) printError(`migrations not checked to the end: ${report.failure}`)
  return report.failure === undefined ? exitCodeOf(report.findings) : 1
}

async function readArguments(args: string[]) {
  const options = {
    base: TEXT,
    'no-base': SWITCH,
    schema: { ...TEXT, multiple: true },
    folder: TEXT,
    config: TEXT,
    json: SWITCH,
    help: SWITCH
  } as const
  return parseArgs({ args, options }).values
}
