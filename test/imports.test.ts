/**
 * Imports run one way, so that a layer can be read, tested and replaced alone; and each package depends on what its
 * files import, and on nothing else.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { ROOT } from './support/processes.ts'

/** What a file of each room may import, besides its own room. Rooms are folders; a file beside them is its own. */
const SERVICE: Rooms = {
  'server.ts': ['app.ts', 'config.ts', 'errors.ts'],
  'app.ts': ['config.ts', 'limits.ts', 'log.ts', 'plugins', 'routes'],
  'config.ts': ['errors.ts', 'settings.ts'],
  'settings.ts': [],
  'log.ts': [],
  'limits.ts': [],
  'errors.ts': [],
  plugins: ['config.ts', 'db', 'errors.ts', 'limits.ts'],
  routes: ['db', 'errors.ts', 'limits.ts', 'plugins'],
  db: []
}

const FRONTEND: Rooms = {
  'main.tsx': ['app.tsx', 'components', 'services'],
  'app.tsx': ['pages', 'services'],
  pages: ['components', 'services'],
  components: ['services'],
  services: []
}

const UNDER_ALL = ['connection-string', 'errors', 'runtime', 'tracing']
const FASTIFY_NEON: Rooms = {
  runtime: [],
  tracing: [],
  'connection-string': ['errors', 'runtime'],
  errors: ['connection-string', 'runtime'],
  socket: UNDER_ALL,
  client: ['socket', ...UNDER_ALL],
  pool: ['client', 'socket', ...UNDER_ALL],
  transaction: ['pool', 'client', ...UNDER_ALL],
  drizzle: ['transaction', 'pool', 'client', ...UNDER_ALL],
  health: ['runtime'],
  migrations: ['client', 'socket', ...UNDER_ALL],
  'rls-audit': ['client', 'socket', ...UNDER_ALL],
  plugins: ['drizzle', 'transaction', 'pool', 'client', 'health', 'migrations', 'rls-audit', ...UNDER_ALL],
  cli: ['client', 'migrations', 'rls-audit', ...UNDER_ALL]
}

/** About fifteen. What grows beyond has a part that is a room of its own. */
const MAX_FILES = 16

type Rooms = Record<string, string[]>

interface House {
  folder: string
  /** Without them, files import each other as they like. */
  rooms?: Rooms
  /** Libraries that a room must not know. */
  unknown?: Record<string, RegExp>
}

const HOUSES: House[] = [
  { folder: '.', rooms: SERVICE, unknown: { db: /^fastify(?!-neon\/prepared-query$)/ } },
  {
    folder: 'packages/fastify-neon',
    rooms: FASTIFY_NEON,
    unknown: {
      ...Object.fromEntries(
        Object.keys(FASTIFY_NEON)
          .filter(room => room !== 'plugins')
          .map(room => [room, /^fastify/])
      ),
      health: /^(?:fastify|@neondatabase|drizzle|ws$)/
    }
  },
  { folder: 'frontend', rooms: FRONTEND, unknown: { services: /^react/ } },
  { folder: 'packages/local-neon' },
  { folder: 'packages/migration-lint' },
  { folder: 'packages/create-fastify-neon' }
]

for (const { folder, rooms, unknown = {} } of HOUSES) {
  const source = join(ROOT, folder, 'src')
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(file =>
    /\.tsx?$/.test(file)
  )

  t.test(`imports in ${folder}`, async t => {
    for (const file of files) {
      t.test(`of ${file} run one way`, async t => {
        const room = roomOf(file)

        for (const specifier of importsOf(join(source, file))) {
          if (!specifier.startsWith('.')) {
            t.notMatch(specifier, unknown[room] ?? /^$/, `${room} knows ${specifier}`)
            continue
          }
          const target = relative(source, join(source, dirname(file), specifier))
          t.notOk(target.startsWith('..'), `${file} leaves its package: ${specifier}`)
          const isAllowed = !rooms || roomOf(target) === room || rooms[room]?.includes(roomOf(target))
          t.ok(isAllowed, `${room} imports ${roomOf(target)}`)
        }
      })
    }
  })

  t.test(`no folder of ${folder} has more files than a reader takes in`, async t => {
    for (const room of new Set(files.map(dirname))) {
      const count = files.filter(file => dirname(file) === room).length
      t.ok(count <= MAX_FILES, `${room}: ${count} files`)
    }
  })

  t.test(`${folder} depends on what its files import`, async t => {
    const { name, dependencies = {}, peerDependencies = {} } = manifestOf(folder)
    const imported = new Set(files.flatMap(file => importsOf(join(source, file))).map(packageOf))
    // Who runs the plugins brings their peers; who reads migration files needs none.
    const peers = folder === '.' ? requiredPeersOf('packages/fastify-neon') : []
    const isLibrary = (specifier: string) =>
      !specifier.startsWith('.') && !isBuiltin(specifier) && specifier !== name

    t.strictSame(
      Object.keys({ ...dependencies, ...peerDependencies }).sort(),
      [...new Set([...imported, ...peers])].filter(isLibrary).sort()
    )
  })
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? file
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

function requiredPeersOf(folder: string): string[] {
  const { peerDependencies, peerDependenciesMeta } = manifestOf(folder)
  return Object.keys(peerDependencies).filter(name => !peerDependenciesMeta[name]?.optional)
}

function manifestOf(folder: string) {
  return JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
}

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8')
  const statements = /^(?:import|export)[^'"]*?from '([^']+)'|^import '([^']+)'/gm
  const calls = /(?:\bimport|import\.meta\.resolve|createRequire\(import\.meta\.url\)\.resolve)\('([^']+)'\)/g
  return [...text.matchAll(statements), ...text.matchAll(calls)].map(([, from, bare]) => from ?? bare ?? '')
}
