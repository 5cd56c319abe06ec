/**
 * A stranger's project for each way in which TypeScript finds modules: its settings, and the problems that the compiler has.
 */
import { join } from 'node:path'
import ts from 'typescript'

export interface Setting {
  title: string
  /** What package.json says. */
  type: 'module' | 'commonjs'
  options: ts.CompilerOptions
  /** Compiled with each change; the others, whose types Are the types wrong? looks at with each change, weekly. */
  isFrequent?: boolean
}

const { ModuleKind, ModuleResolutionKind } = ts

const STRICT: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  strict: true,
  exactOptionalPropertyTypes: true,
  esModuleInterop: true,
  types: ['node'],
  skipLibCheck: false
}

export const SETTINGS: Setting[] = [
  {
    title: 'ESM, NodeNext',
    type: 'module',
    isFrequent: true,
    options: { module: ModuleKind.NodeNext }
  },
  {
    title: 'ESM, ESNext with a bundler',
    type: 'module',
    options: { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler }
  },
  {
    title: 'CommonJS, NodeNext',
    type: 'commonjs',
    options: { module: ModuleKind.NodeNext }
  },
  { title: 'CommonJS, Node16', type: 'commonjs', options: { module: ModuleKind.Node16 } },
  {
    title: 'CommonJS with a bundler',
    type: 'commonjs',
    options: { module: ModuleKind.CommonJS, moduleResolution: ModuleResolutionKind.Bundler }
  },
  {
    title: 'CommonJS, node10',
    type: 'commonjs',
    options: {
      module: ModuleKind.CommonJS,
      moduleResolution: ModuleResolutionKind.Node10,
      ignoreDeprecations: '6.0'
    }
  }
].map(({ options, ...setting }) => ({
  ...setting,
  type: setting.type as Setting['type'],
  options: { ...STRICT, ...options }
}))

/** Of these packages the types are looked at too, as without `skipLibCheck`; those of others are not ours to mend. */
const OURS = /\/node_modules\/(?:fastify-neon|local-neon|migration-lint)\//

/** Compiles into `out`. Answers a line for each problem of the files and of our types, with the path from the folder on. */
export function compile(folder: string, names: string[], { options }: Setting): string[] {
  const host = ts.createCompilerHost(options)
  host.getCurrentDirectory = () => folder
  const rootNames = names.map(name => join(folder, name))
  const program = ts.createProgram({
    rootNames,
    options: { ...options, rootDir: folder, outDir: join(folder, 'out') },
    host
  })
  const files = program
    .getSourceFiles()
    .filter(({ fileName }) => rootNames.includes(fileName) || OURS.test(fileName))
  const problems = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...files.flatMap(file => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file)
    ]),
    ...program.emit().diagnostics
  ]
  return problems.map(problem =>
    ts.formatDiagnostic(problem, { ...host, getCanonicalFileName: name => name })
  )
}
