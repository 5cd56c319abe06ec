/**
 * The scripts in the workflows, run as the runner runs them, with stand-ins for the programs that reach out.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { scriptOf } from './workflows.ts'

const MARKER = '<!-- migrations of this pull request -->'

/** What it was called with, a line each, and the body of a comment that was to be sent. */
const GH = `#!/bin/bash
printf '%s\\n' "$*" >> calls
case "$*" in
  *--paginate*) printf '%s' "$FOUND" ;;
  *body=@*) cp "\${!##body=@}" body ;;
esac
`
const CURL = `#!/bin/bash
printf '%s\\n' "$@" > calls
printf '%s' "$ANSWER"
`
const CALLED = `#!/bin/bash
printf '%s %s\\n' "\${0##*/}" "$*" >> "$CALLS"
`

interface Run {
  code: number
  stdout: string
  /** A file that it left. */
  left(file: string): string
}

async function run(t: Test, script: string, programs: Record<string, string>, env: Record<string, string>) {
  const folder = t.testdir({
    bin: Object.fromEntries(Object.entries(programs).map(([name, text]) => [name, t.fixture('file', text)])),
    overlay: {},
    output: ''
  })
  const files = Object.keys(programs).map(name => join(folder, 'bin', name))
  await execute('chmod', ['+x', ...files], {})
  const { code, stdout } = await execute('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    cwd: folder,
    env: {
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      GITHUB_OUTPUT: join(folder, 'output'),
      CALLS: join(folder, 'calls'),
      ...env
    }
  })
  return { code, stdout, left: (file: string) => readFileSync(join(folder, file), 'utf8') } satisfies Run
}

function execute(command: string, args: string[], options: { cwd?: string; env?: Record<string, string> }) {
  return new Promise<{ code: number; stdout: string }>(resolve => {
    const child = execFile(command, args, options, (_error, stdout) => {
      resolve({ code: child.exitCode ?? 1, stdout })
    })
  })
}

t.test('the comment', async t => {
  const script = scriptOf('pull-request-database.yml', 'Write the comment, or rewrite it')
  const comment = (t: Test, env: Record<string, string>) =>
    run(
      t,
      script,
      { gh: GH },
      {
        GITHUB_REPOSITORY: 'we/tasks',
        GITHUB_SERVER_URL: 'https://forge.example',
        GITHUB_RUN_ID: '7',
        PULL_REQUEST: '12',
        GATE: '',
        PLAN: '',
        MIGRATE: '',
        STATUS: '',
        BRANCH_RESULT: 'success',
        FOUND: '',
        ...env
      }
    )

  t.test('is made with what there is to say, in order', async t => {
    const { code, left } = await comment(t, {
      GATE: '### Gate',
      PLAN: '### Plan\n\n```sql\nselect $(rm -rf x) `pwd` %s;\n```',
      STATUS: '### Status'
    })

    t.equal(code, 0)
    t.equal(
      left('body'),
      [
        MARKER,
        '## Migrations',
        '',
        '### Gate',
        '',
        '### Plan\n\n```sql\nselect $(rm -rf x) `pwd` %s;\n```',
        '',
        '### Status',
        '',
        '[The run](https://forge.example/we/tasks/actions/runs/7) has all of it.',
        ''
      ].join('\n')
    )
    t.match(left('calls').trim().split('\n').at(-1), /--method POST repos\/we\/tasks\/issues\/12\/comments /)
  })

  t.test('is rewritten when it is there, the first where there are more', async t => {
    const { code, left } = await comment(t, { FOUND: '801\n802\n' })

    t.equal(code, 0)
    t.match(
      left('calls').trim().split('\n').at(-1),
      /--method PATCH repos\/we\/tasks\/issues\/comments\/801 /
    )
  })

  t.test('is looked for among those of the workflow, by its first line', async t => {
    const { left } = await comment(t, {})

    t.match(left('calls'), 'select(.user.login == "github-actions[bot]"')
    t.match(left('calls'), `startswith("${MARKER}")`)
  })

  t.test('says why there was no branch', async t => {
    const { left } = await comment(t, { BRANCH_RESULT: 'skipped' })

    t.match(left('body'), 'the variable NEON_PROJECT_ID is not set')
  })
})

t.test('the connection string of the branch', async t => {
  const script = scriptOf(
    'pull-request-database.yml',
    'Ask for the direct connection string, and keep it out of the log'
  )
  const URL = 'postgresql://neondb_owner:npg_s3cret@ep-x-1.eu-central-1.aws.neon.tech/neondb?sslmode=require'
  const ask = (t: Test, env: Record<string, string>) =>
    run(
      t,
      script,
      { curl: CURL },
      {
        NEON_API_KEY: 'a-key',
        PROJECT: 'cool-sun-1',
        BRANCH: 'br-1',
        CREATED: 'true',
        DATABASE: 'neondb',
        ROLE: 'neondb_owner',
        ANSWER: JSON.stringify({ uri: URL }),
        ...env
      }
    )

  t.test('is masked with its password before it is handed on', async t => {
    const { code, stdout, left } = await ask(t, {})

    t.equal(code, 0)
    t.equal(stdout, `::add-mask::npg_s3cret\n::add-mask::${URL}\n`)
    t.equal(left('output'), `direct=${URL}\n`)
  })

  t.test('is asked of this branch, without the pooler', async t => {
    const { left } = await ask(t, {})

    t.match(left('calls'), /^--get$/m)
    t.match(left('calls'), /^branch_id=br-1$/m)
    t.match(left('calls'), /\/projects\/cool-sun-1\/connection_uri$/m)
    t.notMatch(left('calls'), /pooled/)
  })

  t.test('is not used when the branch is an older one, or the answer has none', async t => {
    const older = await ask(t, { CREATED: 'false' })
    const none = await ask(t, { ANSWER: '{}' })

    t.equal(older.code, 1)
    t.match(older.stdout, '::error::')
    t.not(none.code, 0)
    t.equal(none.left('output'), '')
  })
})

t.test('a deployment', async t => {
  const rollOut = scriptOf('deploy.yml', 'Roll out')
  const env = (t: Test) => ({
    KUBECONFIG: join(t.testdirName, 'kubeconfig'),
    KUBECONFIG_TEXT: 'apiVersion: v1',
    OVERLAY: 'overlay',
    NAMESPACE: 'tasks',
    IMAGE: 'registry.example/fastify-neon:abc'
  })

  t.test('names the image in the overlay, and then runs its commands in order', async t => {
    const { code, left } = await run(t, rollOut, { kubectl: CALLED, kustomize: CALLED }, env(t))

    t.equal(code, 0)
    t.match(left('calls').trim().split('\n'), [
      'kustomize edit set image fastify-neon=registry.example/fastify-neon:abc',
      /^kubectl -n tasks delete job/,
      /^kubectl apply -k overlay -l app\.kubernetes\.io\/component!=server$/,
      /^kubectl -n tasks wait /,
      /^kubectl apply -k overlay$/,
      /^kubectl -n tasks rollout status/
    ])
    t.equal(left('kubeconfig'), 'apiVersion: v1\n')
  })

  t.test('does not roll out when the Job of the migrations did not end well', async t => {
    const failing = `${CALLED}case "$*" in *wait*) exit 1 ;; esac\n`

    const { code, left } = await run(t, rollOut, { kubectl: failing, kustomize: CALLED }, env(t))

    t.equal(code, 1)
    t.match(left('calls').trim().split('\n').at(-1), 'kubectl -n tasks wait')
  })

  t.test('logs in to the registry that the image names, with the password on no command line', async t => {
    const script = scriptOf('deploy.yml', 'Build and push the image')

    const { code, left } = await run(
      t,
      script,
      { docker: CALLED },
      { IMAGE: 'registry.example/tasks:abc', REGISTRY_USER: 'robot', REGISTRY_PASSWORD: 'w0rd' }
    )

    t.equal(code, 0)
    t.match(left('calls').trim().split('\n'), [
      'docker build --tag registry.example/tasks:abc .',
      'docker login registry.example --username robot --password-stdin',
      'docker push registry.example/tasks:abc'
    ])
    t.notMatch(left('calls'), 'w0rd')
  })
})

t.test('a release', async t => {
  const compare = scriptOf('release.yml', 'Compare the tag with the version of the packages')
  const node = '#!/bin/sh\necho 1.2.3\n'

  t.test('goes on when the tag is the version', async t => {
    t.match(await run(t, compare, { node }, { TAG: 'v1.2.3' }), { code: 0, stdout: '' })
  })

  t.test('stops when it is another one, and says what to do', async t => {
    const { code, stdout } = await run(t, compare, { node }, { TAG: 'v1.2.4' })

    t.equal(code, 1)
    t.match(stdout, /^::error::the tag v1\.2\.4 is not v1\.2\.3: /)
  })
})
