/**
 * Makes the templates of new projects of the service at the root of the repository, so that there is no second copy of it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { STORED_DOT, VARIANTS, type Variant } from '../src/variants.ts'
import { edited, type Files, mapTexts, readFiles, without } from './files.ts'
import { frontendManifest, projectManifest, type Versions } from './manifest.ts'
import { withoutTable } from './migrations.ts'
import {
  EDITS,
  EDITS_WITHOUT_EXAMPLE,
  EDITS_WITHOUT_FRONTEND,
  EXAMPLE,
  FRONTEND,
  LEFT_OUT,
  PARTS
} from './parts.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const OVERRIDES = fileURLToPath(new URL('../template-overrides', import.meta.url))
/** Within the width of a line, behind a name. */
const LONGEST_LIST = 94
const RELEASED = ['fastify-neon', 'local-neon', 'migration-lint']

/** Files and folders of this repository, of which a new project has only the address. */
const DOCUMENT = /(?<![\w/.-])docs\/(?=(?:reference|how-to|explanation)\/)/g

/** Comments for the coverage gate of this repository. */
const COVERAGE_COMMENT = /^[ \t]*\/\* c8 ignore [^\n]*\*\/\n\n?/gm

/** One folder for each variant. */
export function writeTemplates(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  for (const variant of VARIANTS) {
    for (const [path, text] of templateOf(variant)) {
      const file = join(folder, variant, dirname(path), basename(path).replace(/^\./, STORED_DOT))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
  }
}

/** By its paths in the new project. */
export function templateOf(variant: Variant): Files {
  const hasExample = variant !== 'no-example'
  const hasFrontend = variant === 'full'
  const service = JSON.parse(read('package.json'))
  let files = edited(readFiles(ROOT, PARTS, LEFT_OUT), EDITS)
  if (!hasFrontend) files = edited(without(files, FRONTEND), EDITS_WITHOUT_FRONTEND)
  if (!hasExample) files = edited(withoutTable(without(files, EXAMPLE), 'tasks'), EDITS_WITHOUT_EXAMPLE)
  for (const folder of ['common', hasExample ? 'example' : 'no-example'])
    files = new Map([...files, ...readFiles(join(OVERRIDES, folder), ['.'])])
  files = mapTexts(files, (text, path) => {
    if (path === 'README.md')
      return linked(
        sections(text, { frontend: hasFrontend, 'no-frontend': !hasFrontend, 'no-example': !hasExample })
      )
    if (path.startsWith('deploy/')) return named(linked(text))
    return linked(text.replace(COVERAGE_COMMENT, ''))
  })
  files.set('.gitignore', ignored(files.get('.gitignore')))
  files.set('biome.json', linterSettings(files.get('biome.json'), hasFrontend))
  if (hasFrontend) {
    files.set('frontend/package.json', frontendManifest(`${files.get('frontend/package.json')}`, files))
    files.set('frontend/tsconfig.json', frontendCompiler(files.get('frontend/tsconfig.json')))
  }
  files.set('package.json', projectManifest(service, versions(), files))
  return new Map([...files].sort(([one], [other]) => (one < other ? -1 : 1)))
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function versions(): Versions {
  return Object.fromEntries(
    RELEASED.map(name => [name, JSON.parse(read(`packages/${name}/package.json`)).version])
  )
}

/** Keeps or removes what stands between <!-- name --> and <!-- /name -->. */
function sections(text: string, kept: Record<string, boolean>): string {
  return text.replace(/<!-- ([\w-]+) -->\n([\s\S]*?)<!-- \/\1 -->\n/g, (_all, name: string, inner: string) =>
    kept[name] ? inner : ''
  )
}

/** The documentation of the release that the project begins with. */
function linked(text: string): string {
  const { homepage, version } = JSON.parse(read('packages/create-fastify-neon/package.json'))
  const repository = homepage.replace(/\/tree\/.*$/, '')
  return text.replace(DOCUMENT, `${repository}/blob/v${version}/docs/`)
}

/** Resources of Kubernetes have the name of the project. */
function named(text: string): string {
  return text.replace(/: fastify-neon(?=(?:-migration)?$)/gm, ': {{name}}')
}

function ignored(text = ''): string {
  const own = ['node_modules/', 'dist/', '.local-neon/', '.env']
  return text
    .split('\n')
    .filter(line => line === '' || own.includes(line))
    .join('\n')
}

function linterSettings(text = '', hasFrontend: boolean): string {
  const { files, overrides, ...settings } = JSON.parse(text)
  const others = /^!(?:docs|bench)\//
  const includes = files.includes.filter(
    (pattern: string) => !others.test(pattern) && (hasFrontend || !pattern.startsWith('!frontend'))
  )
  const mayReadEnvironment = ['src/server.ts', 'dev/**', 'drizzle.config.ts', 'test/**']
  const [rule] = overrides.filter((each: { includes: string[] }) => each.includes.includes('src/server.ts'))
  return toJson({
    ...settings,
    files: { includes: [...includes, '!openapi.json'] },
    overrides: [{ ...rule, includes: mayReadEnvironment }]
  })
}

function frontendCompiler(text = ''): string {
  const { compilerOptions, ...settings } = JSON.parse(text)
  const { customConditions: _conditions, ...kept } = compilerOptions
  return toJson({ ...settings, compilerOptions: kept, include: ['src', '*.ts'] })
}

/** As Biome has it: a list that fits stands on one line. */
function toJson(value: object): string {
  const text = JSON.stringify(value, null, 2)
  return `${text.replace(/\[\s+([^[\]{}]+?)\s+\]/g, (list, items: string) => {
    const line = `[${items.replace(/\s*\n\s*/g, ' ')}]`
    return line.length < LONGEST_LIST ? line : list
  })}\n`
}
