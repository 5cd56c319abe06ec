/**
 * Owns which test file runs in which process. The files of a group run in one process, one after
 * the other; what needs a process of its own is named in .taprc, with the reason.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const DATABASE_LAYER = '^packages/fastify-neon/test/'

/** By path. Of about the same time each, so that none is alone at the end. */
export const GROUPS: Record<string, RegExp> = {
  app: /^test\/[^/]*$/,
  cli: new RegExp(`${DATABASE_LAYER}cli/`),
  client: new RegExp(`${DATABASE_LAYER}(?:client|socket)/`),
  'create-fastify-neon': /^packages\/create-fastify-neon\/test\//,
  database: new RegExp(
    `${DATABASE_LAYER}(?:connection-string|drizzle|errors|rls-audit|runtime|tracing|transaction)/`
  ),
  dev: /^test\/(?:deploy|dev)\//,
  docs: /^test\/(?:bench|db|docs|workflows)\//,
  frontend: /^frontend\/test\//,
  isolation: /^test\/isolation\//,
  'local-neon': /^packages\/local-neon\/test\/[^/]*$/,
  'local-neon-cli': /^packages\/local-neon\/test\/cli\//,
  'local-neon-parts': /^packages\/local-neon\/test\/(?!postgres\/|cli\/).*\//,
  'local-neon-postgres': /^packages\/local-neon\/test\/postgres\//,
  'migration-lint': /^packages\/migration-lint\/test\//,
  migrations: new RegExp(`${DATABASE_LAYER}migrations/`),
  plugins: new RegExp(`${DATABASE_LAYER}(?:health|plugins)/`),
  pool: new RegExp(`${DATABASE_LAYER}pool/`),
  'reliability-a-li': /^test\/reliability\/(?:[a-k]|li)/,
  'reliability-lo-se': /^test\/reliability\/(?:lo|[m-r]|se)/,
  'reliability-si-z': /^test\/reliability\/(?:s[i-z]|[t-z])/,
  routes: /^test\/(?:plugins|routes)\//
}

/** What has a process of its own. All paths are from the root of the project on. */
export function filesAlone(): string[] {
  return included().filter(file => file.endsWith('.test.ts'))
}

/** What .taprc names. */
export function included(): string[] {
  const { include }: { include: string[] } = parse(readFileSync(`${ROOT}.taprc`, 'utf8'))
  return include
}

export function groupedFiles(): string[] {
  const others = [...filesAlone(), ...browserFiles()]
  return testFiles().filter(file => !others.includes(file))
}

/** Of the frontend in a browser, which takes longer than all else: they are one soak test. */
export function browserFiles(): string[] {
  return testFiles().filter(file => file.startsWith('frontend/test/browser/'))
}

function testFiles(): string[] {
  return testFolders()
    .flatMap(folder =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(file => `${folder}/${file}`)
    )
    .filter(file => file.endsWith('.test.ts'))
    .sort()
}

export function groupsOf(file: string): string[] {
  return Object.entries(GROUPS)
    .filter(([, pattern]) => pattern.test(file))
    .map(([name]) => name)
}

export function membersOf(group: string): string[] {
  return groupedFiles().filter(file => groupsOf(file).includes(group))
}

/** What runs all tests of a package: its groups, and its files that have a process of their own. */
export function entriesOf(packageName: string): string[] {
  const isOwn = (file: string) => file.startsWith(`packages/${packageName}/`)
  const groups = Object.keys(GROUPS).filter(group => membersOf(group).some(isOwn))
  return [...groups.map(group => `test/groups/${group}.group.ts`), ...filesAlone().filter(isOwn)]
}

/** That of the service, that of the frontend, and that of each package. */
function testFolders(): string[] {
  const packages = readdirSync(join(ROOT, 'packages'))
  return ['test', 'frontend/test', ...packages.map(name => `packages/${name}/test`)]
}
