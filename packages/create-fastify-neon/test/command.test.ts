/**
 * The command with a small template in place of the service, and an npm that does what a test wants.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type CreateTerminal, runCreate, USAGE } from '../src/cli/command.ts'

const MANIFEST = JSON.stringify({
  name: '{{name}}',
  dependencies: { 'fastify-neon': '^1.2.3' },
  devDependencies: { 'local-neon': '^1.2.3' }
})

t.test('create-fastify-neon', async t => {
  t.test('makes the project in the folder, installs it, and prints the two commands', async t => {
    const { run, cwd, installed } = setUp(t)

    const { code, printed } = await run(['My App'])

    t.equal(code, 0)
    t.strictSame(installed, [join(cwd, 'My App')])
    t.equal(readFileSync(join(cwd, 'My App/variant'), 'utf8'), 'full of my-app\n')
    t.equal(JSON.parse(readFileSync(join(cwd, 'My App/package.json'), 'utf8')).name, 'my-app')
    t.ok(existsSync(join(cwd, 'My App/.gitignore')))
    t.match(printed.trimEnd().split('\n').slice(-3), ['  cd My App', /^ {2}npm run dev/, '  npm test'])
  })

  t.test('makes it in the current folder, where a repository may be', async t => {
    const { run, cwd } = setUp(t, { '.git': { HEAD: 'ref' } })

    const { code, printed } = await run(['.', '--no-install'])

    t.equal(code, 0)
    t.ok(existsSync(join(cwd, 'package.json')))
    t.notMatch(printed, 'cd ')
    t.match(printed, '  npm install\n')
  })

  for (const [flag, variant] of [
    ['--no-frontend', 'no-frontend'],
    ['--no-example', 'no-example']
  ] as const) {
    t.test(`takes another template with ${flag}`, async t => {
      const { run, cwd } = setUp(t)

      await run(['app', flag])

      t.equal(readFileSync(join(cwd, 'app/variant'), 'utf8'), `${variant} of app\n`)
    })
  }

  t.test('depends on tarballs where they are named', async t => {
    const { run, cwd } = setUp(t, {
      tarballs: { 'fastify-neon-1.2.3.tgz': '', 'other-1.0.0.tgz': '', 'x.txt': '' }
    })

    await run(['app', '--packages', 'tarballs'])

    const { dependencies, devDependencies, overrides } = JSON.parse(
      readFileSync(join(cwd, 'app/package.json'), 'utf8')
    )
    t.strictSame(dependencies, { 'fastify-neon': `file:${join(cwd, 'tarballs/fastify-neon-1.2.3.tgz')}` })
    t.strictSame(devDependencies, { 'local-neon': '^1.2.3' })
    t.strictSame(overrides, { 'fastify-neon': '$fastify-neon' })
  })

  t.test('asks for the folder in a terminal, and for nothing else', async t => {
    const { run, cwd, questions } = setUp(t)

    const { code } = await run([], { answer: ' asked ' })

    t.equal(code, 0)
    t.strictSame(questions, ['Folder of the new project: '])
    t.ok(existsSync(join(cwd, 'asked/package.json')))
  })

  t.test('explains itself', async t => {
    const { run } = setUp(t)

    t.strictSame(await run(['--help']), { code: 0, printed: `${USAGE}\n`, complaints: '' })
  })

  t.test('ends with 2 for a usage error, and makes nothing', async t => {
    for (const [args, complaint, answer] of [
      [[], 'FOLDER is missing'],
      [[], 'FOLDER is missing', ''],
      [['one', 'two'], 'one folder, and not 2: one two'],
      [['app', '--yes'], "Unknown option '--yes'"]
    ] as const) {
      const { run, cwd } = setUp(t)

      const { code, complaints } = await run([...args], { answer })

      t.equal(code, 2)
      t.match(complaints, complaint)
      t.match(complaints, USAGE)
      t.strictSame(readdirSync(cwd), [])
    }
  })

  t.test('refuses a folder that is not empty, and leaves it as it is', async t => {
    const { run, cwd } = setUp(t, { app: { 'a.txt': '', 'b.txt': '', 'c.txt': '' }, file: '' })

    t.match(await run(['app']), { code: 1, complaints: 'app is not empty: it has a.txt and 2 more.' })
    t.match(await run(['app/a.txt']), { code: 1, complaints: 'app/a.txt is a file.' })
    t.strictSame(readdirSync(join(cwd, 'app')), ['a.txt', 'b.txt', 'c.txt'])
  })

  t.test('names the only file of a folder that is not empty', async t => {
    const { run } = setUp(t, { app: { 'a.txt': '' } })

    t.match(await run(['app']), { complaints: 'app is not empty: it has a.txt. Choose another folder.' })
  })

  t.test('says why it cannot look into a folder', async t => {
    const { run } = setUp(t)

    t.match(await run([`app${'x'.repeat(300)}`]), { code: 1, complaints: 'ENAMETOOLONG' })
  })

  t.test('removes what it has made when npm fails, with the folders that were missing', async t => {
    const { run, cwd } = setUp(t)

    const { code, complaints } = await run(['a/b/app'], { failure: new Error('npm install failed') })

    t.equal(code, 1)
    t.equal(complaints, 'npm install failed\n')
    t.strictSame(readdirSync(cwd), [])
  })

  t.test(
    'removes what it has made in a folder that was there, but not the folder and its repository',
    async t => {
      const { run, cwd } = setUp(t, { app: { '.git': { HEAD: 'ref' } } })

      const { complaints } = await run(['app'], { failure: 'a string' })

      t.equal(complaints, 'a string\n')
      t.strictSame(readdirSync(join(cwd, 'app')), ['.git'])
    }
  )

  t.test('removes what it has made and ends with 130 when it is aborted, also between two steps', async t => {
    for (const args of [['app'], ['app', '--no-install']]) {
      const { run, cwd, installed } = setUp(t)

      const { code, complaints } = await run(args, { isAborted: true })

      t.equal(code, 130)
      t.strictSame(installed, [])
      t.equal(complaints, '')
      t.strictSame(readdirSync(cwd), [])
    }
  })
})

interface Course {
  /** What is typed; without it there is no terminal. */
  answer?: string | undefined
  /** Of npm. */
  failure?: unknown
  isAborted?: boolean
}

function setUp(t: Test, folder: NonNullable<Parameters<Test['testdir']>[0]> = {}) {
  const variant = (name: string) => ({
    'package.json': MANIFEST,
    'dot-gitignore': 'x',
    variant: `${name} of {{name}}\n`
  })
  const root = t.testdir({
    templates: {
      full: variant('full'),
      'no-frontend': variant('no-frontend'),
      'no-example': variant('no-example')
    },
    cwd: folder
  })
  const cwd = join(root, 'cwd')
  const installed: string[] = []
  const questions: string[] = []

  return { run, cwd, installed, questions }

  async function run(args: string[], { answer, failure, isAborted = false }: Course = {}) {
    const [printed, complaints]: [string[], string[]] = [[], []]
    const terminal: CreateTerminal = {
      templates: join(root, 'templates'),
      cwd,
      print: text => printed.push(`${text}\n`),
      printError: text => complaints.push(`${text}\n`),
      ask: answer === undefined ? undefined : ask,
      install: async folder => {
        installed.push(folder)
        if (failure) throw failure
      },
      signal: isAborted ? AbortSignal.abort() : new AbortController().signal
    }
    const code = await runCreate(args, terminal)
    return { code, printed: printed.join(''), complaints: complaints.join('') }

    async function ask(question: string) {
      questions.push(question)
      return `${answer}`
    }
  }
}
