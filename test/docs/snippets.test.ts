/**
 * The snippets of the documentation: code compiles against the sources, JSON, YAML and SQL parse, and commands exist with their flags.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'libpg-query'
import t from 'tap'
import { parseDocument } from 'yaml'
import { runSubcommand } from '../../packages/fastify-neon/src/cli/subcommands.ts'
import { USAGE as LOCAL_USAGE } from '../../packages/local-neon/src/cli/commands.ts'
import { FaultSchema } from '../../packages/local-neon/src/faults/fault.ts'
import { runLint } from '../../packages/migration-lint/src/cli/command.ts'
import { NODE_ARGS, ROOT } from '../support/processes.ts'
import { type Fence, fencesOf, fileOf, pages, readPage } from './fences.ts'
import type { Problem, Snippet } from './snippets/compile.ts'

interface Placed extends Fence {
  page: string
  place: string
}

const fences: Placed[] = pages().flatMap(page =>
  fencesOf(readPage(page)).map(fence => ({ ...fence, page, place: `${page}:${fence.line}` }))
)
/** Of `npm run db:…`: those of other programs. */
const OTHERS = ['generate', 'local']
const inLanguage = (...languages: string[]) => fences.filter(({ language }) => languages.includes(language))
const code = inLanguage('js', 'ts')

t.test('each snippet of JavaScript and TypeScript compiles, and what is misspelt is found', async t => {
  const wrong = [
    {
      text: "import { retryReads } from 'fastify-neon/db'",
      message: "no exported member named 'retryReads'"
    },
    { text: 'app.register(db, { maxConnections: 5 })', message: "'maxConnections' does not exist" },
    { text: 'app.db.$client.checkOut()', message: "Property 'checkOut' does not exist" },
    { text: 'app.get(', message: 'expected' }
  ]
  const misspelt = wrong.map(({ text }, index) => {
    return { place: `misspelt:${index}`, language: 'js', text, group: `misspelt-${index}` }
  })

  const problems = await compile([...code.map(asSnippet), ...misspelt])

  t.strictSame(
    problems.filter(({ place }) => !place.startsWith('misspelt')),
    []
  )
  for (const [index, { message }] of wrong.entries())
    t.match(problems.find(({ place }) => place === `misspelt:${index}`)?.message, message)
})

t.test('each snippet of JSON is JSON', async t => {
  for (const { text, place } of inLanguage('json')) t.doesNotThrow(() => JSON.parse(text), place)
})

t.test('each snippet of YAML is YAML', async t => {
  for (const { text, place } of inLanguage('yaml')) t.strictSame(parseDocument(text).errors, [], place)
})

t.test('each snippet of SQL is SQL', async t => {
  for (const { text, place } of inLanguage('sql')) await t.resolves(parse(text), place)
})

t.test('each command that the documentation names exists', async t => {
  t.test('of fastify-neon and of migration-lint, with its flags', async t => {
    const usages = new Map<string, string>()
    for (const { name, flags, place } of [
      ...commandsOf('npx fastify-neon'),
      ...commandsOf('npm run -?s? ?db'),
      ...lints()
    ]) {
      if (!usages.has(name)) usages.set(name, await usageOf(name))
      const usage = usages.get(name) ?? ''
      t.strictSame(
        flags.filter(flag => !usage.includes(flag)),
        [],
        place
      )
    }
  })

  t.test('of local-neon, with its flags and the values of its faults', async t => {
    for (const { name, words, flags, place } of commandsOf('npx local-neon')) {
      t.match(LOCAL_USAGE, new RegExp(`^  ${name}\\b`, 'm'), `${place}: ${name}`)
      t.strictSame(
        flags.filter(flag => !LOCAL_USAGE.includes(flag)),
        [],
        place
      )
      if (name === 'fault') t.strictSame(unknownInFault(words), [], place)
    }
  })

  t.test('of npm run', async t => {
    for (const { script, folder, place } of scriptsNamed()) {
      const { scripts } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
      t.ok(script in scripts, `${place}: ${script}`)
    }
  })
})

/** Files of a page import each other; the last one of a name is that of the reader. */
function asSnippet({ page, place, language, text, line, ...fence }: Placed): Snippet {
  const { name } = fileOf({ ...fence, language, text, line }) ?? {}
  const isLast = !code.some(other => other.page === page && other.line > line && fileOf(other)?.name === name)
  const folder = page.replace(/\W/g, '-')
  return name !== undefined && isLast
    ? { place, language, text, group: folder, file: name }
    : { place, language, text, group: name === undefined ? `${folder}-${line}` : folder }
}

/** In a process without tap's coverage. */
function compile(snippets: Snippet[]): Promise<Problem[]> {
  const program = [process.execPath, ...NODE_ARGS, join(ROOT, 'test/docs/snippets/compile.ts')]
  return new Promise((resolve, reject) => {
    const child = execFile(
      'env',
      ['-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE', ...program],
      (error, stdout) => (error ? reject(error) : resolve(JSON.parse(stdout)))
    )
    child.stdin?.end(JSON.stringify(snippets))
  })
}

/** In a block of commands, or in the text, where it ends with its backtick. Not a sentence, nor `npx local-neon COMMAND`. */
function commandsOf(program: string) {
  return invocationsOf(program).filter(({ name }) => /^[a-z][a-z-]+$/.test(name) && !OTHERS.includes(name))
}

/** What has no command behind it, but flags. */
function lints() {
  return invocationsOf('npx migration-lint').map(invocation => ({ ...invocation, name: 'check' }))
}

function invocationsOf(program: string) {
  return pages().flatMap(page =>
    [...readPage(page).matchAll(new RegExp(`${program}[ :]((?:[^\\n\`#|]|\\\\\\n)+)`, 'g'))].map(
      ([text, rest = '']) => {
        const [name = '', ...words] = rest.trim().split(/\s+/)
        const flags = words.filter(word => /^--\w/.test(word)).map(word => word.replace(/[=,.;:].*$/, ''))
        return { name, words, flags, place: `${page}: ${text}` }
      }
    )
  )
}

async function usageOf(name: string): Promise<string> {
  const lines: string[] = []
  const print = (text: string) => lines.push(text)
  const output = { env: {}, print, printError: print }
  const code =
    name === 'check' ? await runLint(['--help'], output) : await runSubcommand([name, '--help'], output)
  if (code !== 0) throw new Error(`fastify-neon ${name} --help ended with ${code}`)
  return [...lines, '--help'].join('\n')
}

function unknownInFault([type = '', ...values]: string[]): string[] {
  if (type === 'TYPE') return []
  const fault = FaultSchema.anyOf.find(({ properties }) => properties.type.const === type)
  if (fault === undefined) return [type]
  return values
    .filter(word => word.includes('='))
    .map(word => word.split('=')[0] ?? '')
    .filter(name => !name.startsWith('where.') && !(name in fault.properties))
}

/** In this project, in one of its workspaces, or in another folder of it. */
function scriptsNamed() {
  return pages()
    .flatMap(page =>
      [
        ...readPage(page).matchAll(
          /npm(?: --prefix ([\w/.-]+))? run (?:-s |--silent )?([a-z][\w:-]*)(?: -w ([\w/-]+))?/g
        )
      ].map(([text, prefix, script = '', workspace]) => ({
        script,
        folder: prefix ?? workspace ?? '.',
        place: `${page}: ${text}`
      }))
    )
    .filter(({ folder }) => !folder.endsWith('NAME'))
}
