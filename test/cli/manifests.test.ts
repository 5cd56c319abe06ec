import { join } from 'node:path'
import t from 'tap'
import { fleetOf, parseManifests, readManifests, settingsOf } from '../../src/cli/manifests.ts'

const DEPLOYMENT = `
kind: Deployment
spec:
  replicas: 4
  template:
    spec:
      containers:
        - name: server
          envFrom:
            - configMapRef: { name: settings }
            - secretRef: { name: settings }
          env:
            - { name: LOG_LEVEL, value: warn }
            - { name: DATABASE_URL, valueFrom: { secretKeyRef: { name: settings, key: DATABASE_URL } } }
`
const JOB = '\n---\nkind: Job\nspec: { podReplacementPolicy: Failed }'
const AUTOSCALER = '\n---\nkind: HorizontalPodAutoscaler\nspec: { maxReplicas: 20 }'
const CONFIG_MAPS = `
---
kind: ConfigMap
metadata: { name: settings }
data: { DATABASE_POOL_MAX: "5", LOG_LEVEL: info }
---
kind: ConfigMap
metadata: { name: of-something-else }
data: { DATABASE_POOL_MAX: "99" }
---
kind: ConfigMap
metadata: { name: settings }
`

/** The fleet of a Deployment in whose spec these stand. */
const fleetWith = (spec: string) =>
  fleetOf(parseManifests(`kind: Deployment\nspec: ${spec === '' ? '{}' : spec}`))

t.test('the fleet in manifests', async t => {
  t.test('has what the autoscaler allows, with the pool of the settings, beside a migration', async t => {
    const fleet = fleetOf(parseManifests(DEPLOYMENT + AUTOSCALER + CONFIG_MAPS + JOB))

    t.match(fleet, { replicas: 20, poolMax: 5, jobs: 1 })
  })

  t.test(
    'has the replicas of the Deployment and the default of the pool when nothing else is said',
    async t => {
      t.match(fleetOf(parseManifests(DEPLOYMENT)), { replicas: 4, poolMax: 10, jobs: 0 })
    }
  )

  t.test('is what Kubernetes makes of a Deployment that says nothing', async t => {
    t.strictSame(fleetWith(''), { replicas: 1, surge: 1, terminating: 1, poolMax: 10, jobs: 0 })
  })

  t.test('rounds a share of surge up and a share of unavailable pods down', async t => {
    const { surge, terminating } = fleetWith(
      '{ replicas: 10, minReadySeconds: 30, strategy: { rollingUpdate: { maxSurge: 25%, maxUnavailable: 25% } } }'
    )

    t.strictSame({ surge, terminating }, { surge: 3, terminating: 5 })
  })

  t.test('has one ending pod at a time when a new one has to be ready for as long', async t => {
    const rollout = 'strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }'
    const terminating = (seconds: number, grace: string) =>
      fleetWith(`{ replicas: 10, minReadySeconds: ${seconds}, ${rollout}, template: { spec: { ${grace} } } }`)
        .terminating

    t.equal(terminating(30, ''), 1)
    t.equal(terminating(29, ''), 2)
    t.equal(terminating(10, ''), 3)
    t.equal(terminating(30, 'terminationGracePeriodSeconds: 90'), 3)
  })

  t.test('has every old pod ending at once when a new one need not stay ready', async t => {
    t.equal(fleetWith('{ replicas: 10, strategy: { rollingUpdate: { maxSurge: 1 } } }').terminating, 10)
  })

  t.test('has two connections of a Job whose tries may overlap, for each pod of it', async t => {
    const job = '\n---\nkind: Job\nspec: { parallelism: 3 }'

    t.equal(fleetOf(parseManifests(DEPLOYMENT + job)).jobs, 6)
    t.equal(fleetOf(parseManifests(DEPLOYMENT + job + JOB)).jobs, 7)
  })

  t.test('is not there without a Deployment', async t => {
    t.throws(() => fleetOf(parseManifests('kind: Job')), { message: /no Deployment/ })
  })
})

t.test('the settings in manifests', async t => {
  t.test('are those of the ConfigMaps that the container names, under its own, without Secrets', async t => {
    const [deployment = {}, ...others] = parseManifests(DEPLOYMENT + CONFIG_MAPS)

    t.strictSame(Object.fromEntries(settingsOf(deployment, others)), {
      DATABASE_POOL_MAX: '5',
      LOG_LEVEL: 'warn'
    })
  })
})

t.test('manifests in a folder', async t => {
  const folder = (kustomization: string) =>
    t.testdir({ 'kustomization.yaml': kustomization, 'job.yaml': 'kind: Job' })

  t.test('are those that the kustomization names, and the ConfigMaps that it generates', async t => {
    const generator = 'configMapGenerator: [{ name: settings, literals: [A=1, "B=x=y", C=] }]'

    t.strictSame(readManifests(folder(`resources: [job.yaml]\n${generator}`)), [
      { kind: 'Job' },
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'settings' },
        data: { A: '1', B: 'x=y', C: '' }
      }
    ])
  })

  t.test('are left to kustomize when it does more than that', async t => {
    for (const kustomization of [
      'resources: [../base]',
      'resources: [job.yaml]\npatches: [{ path: more.yaml }]',
      'configMapGenerator: [{ name: settings, envs: [settings.env] }]'
    ]) {
      t.throws(() => readManifests(folder(kustomization)), {
        message: /\| npm run -s db:budget -- --manifests -$/
      })
    }
  })

  t.test('are none of an empty kustomization, and fail by name where there is no kustomization', async t => {
    t.strictSame(readManifests(folder('')), [])
    t.throws(() => readManifests(join(folder(''), 'nowhere')), { code: 'ENOENT' })
  })
})

t.test('text that is no manifest is refused', async t => {
  t.throws(() => parseManifests('a: [1'), { name: 'YAMLParseError' })
  t.throws(() => parseManifests('- a list'), { message: 'a manifest must be an object' })
})
