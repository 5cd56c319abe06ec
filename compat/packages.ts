/**
 * What the rows install that no registry has, or no project asks for: our packages, packed, and other versions of Node.js.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Each uses the ones before it at most. */
const PACKAGES = ['fastify-neon', 'local-neon', 'migration-lint']

const run = promisify(execFile)
const execute = (command: string, args: string[], cwd: string) =>
  run(command, args, { cwd, env: cleanEnvironment() })

/** Of this process, without what `npm run` and a test's coverage have put there, and without this project's programs. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign =
    /^(?:NODE_|_?TAP|npm_(?:package|lifecycle|command|execpath|node_execpath|config_local_prefix|config_loglevel))/
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  const folders = String(process.env.PATH).split(delimiter)
  const PATH = folders.filter(folder => !folder.includes('node_modules')).join(delimiter)
  return { ...Object.fromEntries(kept), PATH }
}

/** Built and packed in a copy, since others may build in place at the same time. By name, the paths of the tarballs. */
export async function packPackages(folder: string): Promise<Map<string, string>> {
  const copy = join(folder, 'packing')
  const isSource = (path: string) => !['dist', 'node_modules', 'test'].includes(basename(path))
  for (const name of PACKAGES)
    await cp(join(ROOT, 'packages', name), join(copy, 'packages', name), {
      recursive: true,
      filter: isSource
    })
  for (const file of ['tsconfig.base.json', 'commonjs.mjs']) await cp(join(ROOT, file), join(copy, file))
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  // Found before those of the project.
  const links = join(copy, 'packages', 'node_modules')
  await mkdir(links)
  const tarballs = new Map<string, string>()
  for (const name of PACKAGES) {
    await symlink(join('..', name), join(links, name))
    const cwd = join(copy, 'packages', name)
    await execute('npm', ['run', 'build'], cwd)
    const { stdout } = await execute('npm', ['pack', '--silent', '--pack-destination', folder], cwd)
    tarballs.set(name, join(folder, stdout.trim()))
  }
  return tarballs
}

const nodes = new Map<string, Promise<string>>()

/** The folder with the programs of this major version of Node.js, which are a package for each platform. */
export function nodeFolder(major: string, folder: string): Promise<string> {
  const known = nodes.get(major) ?? installNode(major, join(folder, `node-${major}-programs`))
  nodes.set(major, known)
  return known
}

async function installNode(major: string, folder: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`
  await mkdir(folder)
  await execute('npm', ['install', '--prefix', folder, `${name}@${major}`], folder)
  return join(folder, 'node_modules', name, 'bin')
}
