/**
 * `npm run db:check`: exits with 0 when nothing is wrong with the migrations, with the code of the gravest finding,
 * with 1 when something could not be checked, and with 2 when it was asked wrongly.
 */
import { parseArgs } from 'node:util'
import { readSources } from '../gate/configuration.ts'
import { checkMigrations } from '../gate/gate.ts'
import { gitIn } from '../gate/git.ts'
import { reportJson, reportText } from '../gate/report.ts'
import { UsageError } from '../gate/usage-error.ts'
import { exitCodeOf } from '../neon/migrations/findings.ts'

const TEXT = { type: 'string' } as const
const SWITCH = { type: 'boolean', default: false } as const

const USAGE = `npm run db:check -- [options]

  --base REF        branch or commit that the migrations go to. Default: origin/main, or else main
  --no-base         compares with none, and examines every migration for hazards
  --schema PATH     file, folder or glob of the schema, more than once if need be. Default: as drizzle.config.ts has it
  --folder FOLDER   of the migrations. Default: as drizzle.config.ts has it
  --config FILE     Default: drizzle.config.ts
  --json            prints one JSON document`

await run().catch((error: Error) => {
  const isAskedWrongly = error instanceof UsageError
  process.stderr.write(
    isAskedWrongly ? `${error.message}\n\n${USAGE}\n` : `migrations not checked: ${error.message}\n`
  )
  process.exitCode = isAskedWrongly ? 2 : 1
})

async function run() {
  const values = await readArguments().catch((error: Error) => {
    throw new UsageError(error.message)
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    return
  }
  const { json, base, 'no-base': withoutBase, ...wishes } = values
  if (withoutBase && base !== undefined) throw new UsageError('--base and --no-base exclude each other')
  const sources = await readSources(wishes)
  const git = withoutBase ? undefined : gitIn(sources.folder)
  const report = await checkMigrations({ ...sources, git, base })
  process.stdout.write(`${json ? reportJson(report) : reportText(report)}\n`)
  if (report.failure !== undefined)
    process.stderr.write(`migrations not checked to the end: ${report.failure}\n`)
  process.exitCode = report.failure === undefined ? exitCodeOf(report.findings) : 1
}

async function readArguments() {
  const options = {
    base: TEXT,
    'no-base': SWITCH,
    schema: { ...TEXT, multiple: true },
    folder: TEXT,
    config: TEXT,
    json: SWITCH,
    help: SWITCH
  } as const
  return parseArgs({ options }).values
}
