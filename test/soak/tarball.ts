/**
 * What every tarball has to pass: publint, Are the types wrong?, and a budget of its size and of what it brings along.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { publint } from 'publint'
import type { Test } from 'tap'
import { cleanEnvironment, ROOT } from '../../compat/packages.ts'
import { temporaryPath } from '../support/temporary-folder.ts'

const ATTW = join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js')
const BLOCK = 512

interface Budget {
  /** Bytes of the tarball. */
  packed: number
  /** Bytes of the files in it. */
  unpacked: number
  /** Other packages that an installation has, those for one platform included. */
  dependencies: number
}

/** About a tenth more than it takes. Who needs more raises it here, and says in the commit what for. */
const BUDGETS: Record<string, Budget> = {
  'fastify-neon': { packed: 380_000, unpacked: 1_320_000, dependencies: 65 },
  'local-neon': { packed: 131_000, unpacked: 450_000, dependencies: 52 },
  'migration-lint': { packed: 41_000, unpacked: 172_000, dependencies: 163 },
  'create-fastify-neon': { packed: 118_000, unpacked: 775_000, dependencies: 0 }
}

const execute = promisify(execFile)
/** Nothing here runs the sources, and the programs would take twice as long under tap's coverage. */
const run = (command: string, args: string[], cwd: string) =>
  execute(command, args, { cwd, env: cleanEnvironment() })

export async function passesChecks(
  t: Test,
  name: string,
  tarball: string,
  ours: string[] = []
): Promise<void> {
  await t.test('has nothing wrong in what it exports, to publint and to Are the types wrong?', async t => {
    const { messages } = await publint({ pack: { tarball: new Uint8Array(await readFile(tarball)).buffer } })
    t.strictSame(messages, [])

    const { stdout } = await run(process.execPath, [ATTW, tarball, '--format', 'json'], ROOT)
    t.strictSame(JSON.parse(stdout).problems, {})
  })

  await t.test('stays within its budget', async t => {
    const size = {
      packed: (await stat(tarball)).size,
      unpacked: unpackedSize(gunzipSync(await readFile(tarball))),
      dependencies: await countDependencies([tarball, ...ours])
    }

    const budget = BUDGETS[name]
    t.ok(budget)
    for (const what of ['packed', 'unpacked', 'dependencies'] as const)
      t.ok(size[what] <= Number(budget?.[what]), `${what}: ${size[what]} of ${budget?.[what]}`)
  })
}

/** By the headers of tar, each of which has the size of the file behind it. */
function unpackedSize(tar: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(Buffer.from(tar.subarray(at + 124, at + 136)).toString('latin1'), 8)
    sum += size
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return sum
}

/** Of others: what npm would install beside these tarballs. */
async function countDependencies(tarballs: string[]): Promise<number> {
  const folder = await mkdtemp(temporaryPath('budget'))
  try {
    await writeFile(join(folder, 'package.json'), '{ "private": true }')
    const flags = ['--package-lock-only', '--prefer-offline', '--no-audit', '--no-fund']
    await run('npm', ['install', ...flags, ...tarballs], folder)
    const { packages } = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'))
    return Object.keys(packages).length - 1 - tarballs.length
  } finally {
    await rm(folder, { recursive: true })
  }
}
