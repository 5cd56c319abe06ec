/**
 * Imports run one way, so that a layer can be read, tested and replaced alone.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const SOURCE = fileURLToPath(new URL('../src', import.meta.url))

/** What a file of each room may import, besides its own room. Rooms are folders; a file of src itself is its own. */
const MAY_IMPORT: Record<string, string[]> = {
  'server.ts': ['app.ts', 'config.ts', 'errors.ts'],
  'app.ts': ['config.ts', 'db', 'limits.ts', 'log.ts', 'plugins', 'routes'],
  'config.ts': ['errors.ts', 'neon', 'settings.ts'],
  'settings.ts': ['health', 'neon'],
  'log.ts': ['neon'],
  'limits.ts': [],
  'errors.ts': [],
  plugins: ['db', 'errors.ts', 'health', 'limits.ts', 'neon'],
  routes: ['db', 'errors.ts', 'plugins'],
  db: [],
  neon: ['errors.ts'],
  health: [],
  gate: ['errors.ts', 'neon'],
  local: ['config.ts', 'neon'],
  cli: ['app.ts', 'config.ts', 'gate', 'local', 'neon']
}

/** Libraries that a room must not know. */
const MAY_NOT_KNOW: Record<string, RegExp> = {
  neon: /^fastify/,
  health: /^(?:fastify|@neondatabase|drizzle|ws$)/,
  db: /^fastify/,
  gate: /^fastify/,
  local: /^fastify/
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))

t.test('imports', async t => {
  for (const file of files) {
    t.test(`of ${file} run one way`, async t => {
      const room = roomOf(file)

      for (const specifier of importsOf(file)) {
        if (specifier.startsWith('.')) {
          const target = roomOf(relative(SOURCE, join(SOURCE, dirname(file), specifier)))
          t.ok(target === room || MAY_IMPORT[room]?.includes(target), `${room} imports ${target}`)
        } else {
          t.notMatch(specifier, MAY_NOT_KNOW[room] ?? /^$/, `${room} knows ${specifier}`)
        }
      }
    })
  }
})

function roomOf(file: string): string {
  return file.split('/')[0] ?? file
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), 'utf8')
  return [...text.matchAll(/^(?:import|export)[^'"]*?from '([^']+)'|^import '([^']+)'/gm)].map(
    ([, from, bare]) => from ?? bare ?? ''
  )
}
