/**
 * package.json of a new project, made of the one of the service, and of its frontend.
 */
import type { Files } from './files.ts'

interface Manifest {
  engines: object
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  overrides: Record<string, unknown>
}

const TYPESCRIPT = 'node --import ./typescript-loader.mjs'

/** Of the scripts of the service, those that a project has as they are. */
const SCRIPTS = [
  'dev',
  'dev:env',
  'start',
  'lint',
  'lint:fix',
  'check',
  'db:audit',
  'db:doctor',
  'db:generate',
  'db:mark-applied',
  'db:migrate',
  'db:repair',
  'db:status',
  'token'
]

/** Programs, and what compiles. What files import is found in them. */
const DEVELOPMENT = [
  '@biomejs/biome',
  '@types/node',
  'drizzle-kit',
  'migration-lint',
  'ts-blank-space',
  'typescript'
]
const FOR_API_TYPES = ['openapi-typescript']

/** What fastify-neon takes from the project that uses it. */
const PEERS = ['@neondatabase/serverless', 'drizzle-orm', 'fastify']

/** Of packages that are released together with this one: their versions. */
export type Versions = Record<string, string>

export function projectManifest(service: Manifest, versions: Versions, files: Files): string {
  const hasFrontend = files.has('frontend/package.json')
  const importedIn = (folder: RegExp) => importsOf(files, folder)
  const ranges = { ...service.devDependencies, ...service.dependencies }
  const rangeOf = (name: string) => (versions[name] === undefined ? ranges[name] : `^${versions[name]}`)
  const ranged = (names: Iterable<string>) =>
    Object.fromEntries([...new Set(names)].sort().map(name => [name, rangeOf(name)]))
  const used = importedIn(/^src\//)
  const dependencies = [...PEERS, ...Object.keys(service.dependencies).filter(name => used.has(name))]
  const usedInDevelopment = importedIn(/^(?:dev|test)\/|^[^/]+$/)
  const devDependencies = Object.keys(service.devDependencies).filter(name => usedInDevelopment.has(name))

  return toJson({
    name: '{{name}}',
    version: '0.1.0',
    private: true,
    type: 'module',
    ...(hasFrontend && { workspaces: ['frontend'] }),
    engines: service.engines,
    scripts: scriptsOf(service, hasFrontend),
    dependencies: ranged(dependencies),
    devDependencies: ranged([...devDependencies, ...DEVELOPMENT, ...(hasFrontend ? FOR_API_TYPES : [])]),
    ...(hasFrontend && { overrides: overridesOf(service) })
  })
}

/** Without what only the tests of this repository use. */
export function frontendManifest(text: string, files: Files): string {
  const { license: _license, version: _version, ...manifest } = JSON.parse(text)
  const used = importsOf(files, /^frontend\//)
  const kept = Object.entries(manifest.devDependencies).filter(
    ([name]) => name.startsWith('@types/react') || used.has(name)
  )
  return toJson({ ...manifest, devDependencies: Object.fromEntries(kept) })
}

function scriptsOf({ scripts }: Manifest, hasFrontend: boolean): Record<string, string> {
  const own = {
    build: `tsc -p tsconfig.json${hasFrontend ? ' && npm run build -w frontend' : ''}`,
    typecheck: `tsc -p test/tsconfig.json${hasFrontend ? ' && tsc -p frontend/tsconfig.json' : ''}`,
    test: `${TYPESCRIPT} --test test/*.test.ts`,
    'db:check': 'migration-lint',
    'db:local': 'local-neon',
    openapi: `${TYPESCRIPT} dev/openapi.ts openapi.json${hasFrontend ? ' && openapi-typescript openapi.json --output frontend/src/services/api.d.ts' : ''}`
  }
  const all = { ...Object.fromEntries(SCRIPTS.map(name => [name, scripts[name]])), ...own }
  // In the order of the service, which is the one in which they are used.
  return Object.fromEntries(Object.entries(all).sort(([one], [other]) => orderOf(one) - orderOf(other)))

  function orderOf(name: string): number {
    return Object.keys(scripts).indexOf(name)
  }
}

function overridesOf({ overrides }: Manifest): object {
  const { 'openapi-typescript': openapiTypescript } = overrides
  return { 'openapi-typescript': openapiTypescript }
}

function importsOf(files: Files, paths: RegExp): Set<string> {
  const texts = [...files]
    .filter(([path]) => paths.test(path) && /\.[cm]?[jt]sx?$/.test(path))
    .map(([, text]) => text)
  const specifiers = texts.flatMap(text => [
    ...text.matchAll(/(?:from|import) '([^'.][^']*)'|\bimport\('([^'.][^']*)'\)/g)
  ])
  return new Set(specifiers.map(([, from, called]) => packageOf(`${from ?? called}`)))
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function toJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
