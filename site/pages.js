/**
 * Owns the pages of the site: a copy of docs/, and the API reference that typedoc makes from the types of the packages.
 * Both are built again each time and are not in git. `node pages.js` writes them.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, Converter, ReflectionKind } from 'typedoc'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const DOCS = join(ROOT, 'docs')
export const PAGES = fileURLToPath(new URL('pages', import.meta.url))

const PACKAGES = ['fastify-neon', 'local-neon']

if (process.argv[1] === fileURLToPath(import.meta.url)) await writePages()

async function writePages() {
  rmSync(PAGES, { recursive: true, force: true })
  cpSync(DOCS, PAGES, { recursive: true, filter: isOfTheSite })
  for (const page of readmesBelow(PAGES)) renameSync(page, join(dirname(page), 'index.md'))
  mkdirSync(join(PAGES, 'api'))
  await writeApi(join(PAGES, 'api'))
}

/** docs/README.md is the index that GitHub shows; the home page of the site is docs/index.md. */
function isOfTheSite(path) {
  return relative(DOCS, path) !== 'README.md'
}

function readmesBelow(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter(name => basename(name) === 'README.md').map(name => join(folder, name))
}

async function writeApi(folder) {
  const modules = new Map(PACKAGES.flatMap(entryPoints))
  const app = await Application.bootstrapWithPlugins({
    entryPoints: [...modules.keys()],
    out: folder,
    tsconfig: fileURLToPath(new URL('tsconfig.json', import.meta.url)),
    // `npm run typecheck` has found the errors.
    skipErrorChecking: true,
    excludePrivate: true,
    excludeExternals: true,
    readme: 'none',
    name: 'API reference',
    // The sources are linked from the pages of docs/, and the lines of a build would be wrong soon.
    disableSources: true,
    // Types that are not exported have no page, and are named in the signatures.
    validation: false,
    logLevel: 'Warn',
    plugin: ['typedoc-plugin-markdown'],
    router: 'module',
    entryFileName: 'index',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    hideGroupHeadings: false,
    useCodeBlocks: true,
    expandObjects: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    formatWithPrettier: false
  })
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return
    const { fileName } =
      context.getSymbolFromReflection?.(reflection)?.declarations?.[0]?.getSourceFile() ?? {}
    const name = modules.get(fileName)
    if (name) reflection.name = name
  })
  const project = await app.convert()
  if (!project) throw new Error('typedoc could not read the types of the packages')
  await app.generateOutputs(project)
}

/** The files that an application may import, each with the name that it imports. */
function entryPoints(name) {
  const folder = join(ROOT, 'packages', name)
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.entries(exports).flatMap(([path, { 'fastify-neon-source': source }]) =>
    source ? [[join(folder, source), join(name, path)]] : []
  )
}
