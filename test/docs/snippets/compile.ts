/**
 * Compiles snippets of JavaScript and TypeScript, a JSON list on standard input, and prints what the compiler says of each.
 * A part of a program, such as members of an object or calls behind a dot, need only be well-formed. A process of its own, since the compiler takes several times as long under tap's coverage.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export interface Snippet {
  /** Where it stands, such as `README.md:137`. */
  place: string
  language: string
  text: string
  /** In the same folder as another of the same group, under this name; alone without one. */
  file?: string | undefined
  group: string
}

export interface Problem {
  place: string
  message: string
}

const HERE = dirname(fileURLToPath(import.meta.url))
const NAMES = join(HERE, 'names.ts')
const SCHEMA = join(HERE, 'schema.ts')
/** What a snippet may import from beside it, unless its page shows the file. */
const BESIDE = [
  ['schema.ts', SCHEMA],
  ['analytics-schema.ts', SCHEMA],
  ['owner.ts', join(HERE, '../../../src/db/schema/owner.ts')],
  ['schema/notes.ts', SCHEMA]
] as const

/** The plugin with options for any tables, which an application in TypeScript names by `Register`. */
const PLUGIN = join(HERE, 'plugin.ts')

/** Declarations without a type, since JavaScript has none. */
const UNTYPED = [7006, 7031, 7034, 7005]
/** What has no type to know of: a request, a message of a channel, and what an application decorates. */
const UNKNOWN =
  /on type '(?:unknown|\{\}|Fastify(?:Request|Instance)<)|'unknown' is not|'string \| string\[\]'/

const snippets: Snippet[] = JSON.parse(readFileSync(0, 'utf8'))
const known = namesIn(readFileSync(NAMES, 'utf8'))

const { config } = ts.readConfigFile(join(HERE, '../../tsconfig.json'), ts.sys.readFile)
const { options: configured } = ts.parseJsonConfigFileContent(
  { ...config, include: [] },
  ts.sys,
  join(HERE, '../..')
)
// As JavaScript is read: a variable of the environment is a text.
const options = {
  ...configured,
  strict: false,
  noUncheckedIndexedAccess: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  rewriteRelativeImportExtensions: false
}

const isPart = ({ text }: Snippet) => [`({${text}})`, `x${text}`].some(isProgram)
const programs = snippets.filter(snippet => isProgram(snippet.text) || !isPart(snippet))
const files = new Map(programs.map((snippet, index) => [pathOf(snippet, index), snippet]))
const texts = new Map([...files].map(([path, snippet]) => [path, withNames(snippet)]))
for (const path of files.keys()) {
  for (const [name, source] of BESIDE) {
    const file = join(dirname(path), name)
    if (!texts.has(file)) texts.set(file, `export * from ${JSON.stringify(source)}\n`)
  }
}
// In this program alone: `npm run typecheck` has the tables of the service.
const REGISTER = join(HERE, 'virtual', 'register.ts')
texts.set(
  REGISTER,
  `import type * as schema from ${JSON.stringify(SCHEMA)}
   declare module 'fastify-neon/db' { interface Register { schema: typeof schema } }`
)
const program = ts.createProgram({ rootNames: [REGISTER, ...files.keys()], options, host: hostWith(texts) })
const problems: Problem[] = [...files].flatMap(([path, { place }]) => {
  const file = program.getSourceFile(path)
  if (!file) return [{ place, message: 'not read' }]
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    .filter(({ code }) => !UNTYPED.includes(code))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
    .filter(message => !UNKNOWN.test(message))
    .map(message => ({ place, message }))
})
process.stdout.write(JSON.stringify(problems))

function isProgram(text: string): boolean {
  const { diagnostics = [] } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ESNext }
  })
  return diagnostics.length === 0
}

/** In a folder for those that import each other; `.js` in an import means the `.ts` there. */
function pathOf({ file, group }: Snippet, index: number): string {
  return join(HERE, 'virtual', group, file?.replace(/\.js$/, '.ts') ?? `snippet-${index}.ts`)
}

function hostWith(texts: Map<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(options)
  const folders = new Set([...texts.keys()].map(path => dirname(path)))
  return {
    ...host,
    fileExists: path => texts.has(path) || host.fileExists(path),
    readFile: path => texts.get(path) ?? host.readFile(path),
    directoryExists: path => folders.has(path) || (host.directoryExists?.(path) ?? true),
    getSourceFile: (path, version) => {
      const text = texts.get(path)
      return text === undefined
        ? host.getSourceFile(path, version)
        : ts.createSourceFile(path, text, version, true)
    }
  }
}

/** With an import of what it uses and does not declare. A module in any case, so that none sees the names of another. */
function withNames({ text: given }: Snippet): string {
  const text = given
    .replace(/(?<=from )'fastify-neon\/db'/g, JSON.stringify(PLUGIN))
    .replace(/^declare module 'fastify-neon\/db' \{[\s\S]*?^\}$/gm, '')
  const file = ts.createSourceFile('snippet.ts', text, ts.ScriptTarget.ESNext, true)
  const declared = new Set<string>()
  const used = new Set<string>()
  visit(file)
  const free = [...used].filter(name => known.has(name) && !declared.has(name))
  return `${text}\nimport { ${free.join(', ')} } from ${JSON.stringify(NAMES)}\nexport {}\n`

  function visit(node: ts.Node) {
    if (ts.isIdentifier(node)) (isDeclaration(node) ? declared : used).add(node.text)
    ts.forEachChild(node, visit)
  }
}

/** At the top of the snippet; a parameter of the same name is another thing. */
function isDeclaration(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isImportClause(parent) || ts.isImportSpecifier(parent) || ts.isNamespaceImport(parent)) return true
  if (ts.isFunctionDeclaration(parent)) return parent.name === node && ts.isSourceFile(parent.parent)
  if (!ts.isVariableDeclaration(parent) && !ts.isBindingElement(parent)) return false
  if (parent.name !== node) return false
  let statement: ts.Node = parent
  while (!ts.isVariableStatement(statement)) {
    if (!statement.parent || ts.isFunctionLike(statement)) return false
    statement = statement.parent
  }
  return ts.isSourceFile(statement.parent)
}

function namesIn(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^export declare (?:const|function) (\w+)/gm)].map(([, name = '']) => name)
  )
}
