/**
 * The manifests fit each other and the settings of the service.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Probe } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { POOL_DEFAULTS } from '../../packages/fastify-neon/src/pool/options.ts'
import { loadConfig } from '../../src/config.ts'
import { Settings } from '../../src/settings.ts'
import { containerOf, FOLDER, manifests, podOf, settingsOf, the, typeErrorsIn } from './manifests.ts'

const SECOND_MS = 1000

/** What an overlay and the Secret add. */
const OF_THE_PLACE = {
  DATABASE_URL:
    'postgresql://service:a-word@ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require',
  AUTH_ISSUER: 'https://issuer.example',
  AUTH_AUDIENCE: 'tasks',
  AUTH_JWKS_URL: 'https://issuer.example/.well-known/jwks.json'
}

const deployment = the('Deployment')
const job = the('Job')
const server = containerOf(deployment)
const settings = settingsOf(manifests)
const config = loadConfig({ ...Object.fromEntries(settings), ...OF_THE_PLACE })
const graceMs = (podOf(deployment).spec?.terminationGracePeriodSeconds ?? 0) * SECOND_MS

t.test('the manifests', async t => {
  t.test('are all in the kustomization, and all it names are there', async t => {
    const text = readFileSync(join(FOLDER, 'kustomization.yaml'), 'utf8')
    const named = [...text.matchAll(/^ {2}- (\S+\.yaml)$/gm)].map(([, file]) => file)
    const files = readdirSync(FOLDER).filter(file => file !== 'kustomization.yaml')

    t.strictSame(named, files.sort())
  })

  t.test(
    'are what Kubernetes takes, where a field misspelt, of another type, or missing would not pass',
    async t => {
      const service = { ...the('Service') }
      const wrong = [
        { ...service, speck: {} },
        { ...service, spec: { ports: [{ port: '80' }] } },
        { ...service, spec: { ports: [{}] } }
      ]

      const errors = await typeErrorsIn(t, [...manifests, ...wrong])

      t.match(errors, [
        /'"speck"' does not exist in type 'Service'/,
        /'string' is not assignable/,
        /'port' is missing/
      ])
      t.equal(errors.length, wrong.length)
    }
  )

  const kubectl = spawnSync('kubectl', ['kustomize', FOLDER], { encoding: 'utf8' })
  t.test(
    'are built by kubectl',
    { skip: kubectl.error && 'there is no kubectl on this machine' },
    async t => {
      t.equal(kubectl.status, 0, kubectl.stderr)
      t.equal(kubectl.stdout.match(/^kind: /gm)?.length, manifests.length)
    }
  )

  t.test('name no namespace, since each is for any', async t => {
    for (const { kind, metadata } of manifests) t.notMatch(metadata, { namespace: String }, `${kind}`)
  })

  t.test('hold no secret, and name one that the operator makes', async t => {
    const text = readdirSync(FOLDER)
      .map(file => readFileSync(join(FOLDER, file), 'utf8'))
      .join('\n')

    t.notMatch(text, /kind: Secret|stringData|secretGenerator|postgres(ql)?:\/\//)
    t.notOk([...settings.keys()].some(name => /URL|PASSWORD|SECRET|TOKEN|KEY/.test(name)))
    for (const { env = [] } of [server, containerOf(job)]) {
      for (const { name, valueFrom } of env) {
        t.strictSame(valueFrom, { secretKeyRef: { name: 'fastify-neon', key: name } })
      }
    }
  })
})

t.test('the settings of the service', async t => {
  t.test('are known ones', async t => {
    const known = Object.keys(Settings.properties)
    const given = [...settings.keys(), ...(server.env ?? []).map(({ name }) => name)]

    t.strictSame(
      given.filter(name => !known.includes(name)),
      []
    )
  })

  t.test(
    'are taken with what an overlay and the Secret add, and then every required one is there',
    async t => {
      t.match(config, { host: '0.0.0.0', drainDelayMs: 5000, shutdownTimeoutMs: 25_000 })
    }
  )

  t.test('come from the ConfigMap that is generated', async t => {
    t.equal(server.envFrom?.[0]?.configMapRef?.name, the('ConfigMap').metadata?.name)
  })
})

t.test('the stop of a pod', async t => {
  t.test('is told to the service as it is', async t => {
    t.equal(Number(settings.get('TERMINATION_GRACE_PERIOD_SECONDS')) * SECOND_MS, graceMs)
  })

  t.test('ends by itself, seconds before it would be killed', async t => {
    t.ok(config.shutdownTimeoutMs + 3 * SECOND_MS <= graceMs)
  })

  t.test(
    'serves while the endpoint is taken away, so long that whoever probes for himself sees it',
    async t => {
      const periodMs = (server.readinessProbe?.periodSeconds ?? 0) * SECOND_MS

      t.ok(config.drainDelayMs >= periodMs)
      t.equal(server.lifecycle, undefined, 'no preStop, which would be a second wait')
    }
  )

  t.test('leaves time after the drain for the longest statement and the end of the pool', async t => {
    const { statementTimeoutMs } = config.database

    t.ok(config.shutdownTimeoutMs - config.drainDelayMs >= statementTimeoutMs + POOL_DEFAULTS.endTimeoutMs)
  })
})

t.test('the probes', async t => {
  const { startupProbe = {}, readinessProbe = {}, livenessProbe = {} } = server
  const timeOf = ({ periodSeconds = 0, failureThreshold = 0 }: Probe) =>
    periodSeconds * failureThreshold * SECOND_MS

  t.test('ask the routes of the service at the port that is theirs', async t => {
    t.strictSame(startupProbe.httpGet, { path: '/startupz', port: 'health' })
    t.strictSame(readinessProbe.httpGet, { path: '/readyz', port: 'health' })
    t.strictSame(livenessProbe.httpGet, { path: '/livez', port: 'health' })
  })

  t.test('wait at least two seconds for an answer, and no longer than to the next', async t => {
    for (const { timeoutSeconds = 1, periodSeconds = 10 } of [startupProbe, readinessProbe, livenessProbe]) {
      t.ok(timeoutSeconds >= 2 && timeoutSeconds <= periodSeconds)
    }
  })

  t.test('give a start the time of several connects, each with a wake of the compute', async t => {
    t.ok(timeOf(startupProbe) >= 3 * config.database.connectTimeoutMs)
  })

  t.test('restart a pod much later than they take it out of service', async t => {
    t.ok(timeOf(livenessProbe) >= 3 * timeOf(readinessProbe))
  })
})

t.test('a rollout', async t => {
  t.test('never has fewer pods than there should be', async t => {
    t.strictSame(deployment.spec?.strategy?.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 })
  })

  t.test('has one ending pod at a time', async t => {
    t.ok((deployment.spec?.minReadySeconds ?? 0) * SECOND_MS >= graceMs)
  })

  t.test('leaves the number of pods to the autoscaler, which has three at least', async t => {
    t.equal(deployment.spec?.replicas, undefined)
    t.equal(the('HorizontalPodAutoscaler').spec?.minReplicas, 3)
  })
})

t.test('what belongs together', async t => {
  const labels = podOf(deployment).metadata?.labels ?? {}

  t.test('selects the pods of the server, and not those of the migration', async t => {
    const selectors = [
      deployment.spec?.selector.matchLabels,
      the('PodDisruptionBudget').spec?.selector?.matchLabels,
      the('Service').spec?.selector,
      ...(podOf(deployment).spec?.topologySpreadConstraints ?? []).map(
        ({ labelSelector }) => labelSelector?.matchLabels
      )
    ]

    t.equal(selectors.length, 5)
    for (const selector of selectors) t.strictSame(selector, labels)
    t.notMatch(podOf(job).metadata?.labels, labels)
  })

  t.test(
    'lets both kinds of pods out to Neon and names alone, and in to the ports of the service',
    async t => {
      const { podSelector, policyTypes, ingress, egress } = the('NetworkPolicy').spec ?? {}
      const out = egress?.flatMap(({ ports = [] }) =>
        ports.map(({ port, protocol }) => `${port}/${protocol}`)
      )

      t.match(labels, podSelector?.matchLabels)
      t.match(podOf(job).metadata?.labels, podSelector?.matchLabels)
      t.strictSame(policyTypes, ['Ingress', 'Egress'])
      t.strictSame(ingress, [
        {
          ports: [
            { port: 'http', protocol: 'TCP' },
            { port: 'health', protocol: 'TCP' }
          ]
        }
      ])
      t.strictSame(out, ['53/UDP', '53/TCP', '443/TCP'])
    }
  )

  t.test('scales the Deployment', async t => {
    const { scaleTargetRef } = the('HorizontalPodAutoscaler').spec ?? {}
    const { apiVersion, kind, metadata } = deployment

    t.strictSame(scaleTargetRef, { apiVersion, kind, name: metadata?.name })
    t.ok(server.resources?.requests?.cpu, 'a share of use is a share of what is requested')
  })

  t.test('lets one pod be evicted when there are as few as there may be', async t => {
    const { maxUnavailable, minAvailable } = the('PodDisruptionBudget').spec ?? {}
    const { minReplicas = 0 } = the('HorizontalPodAutoscaler').spec ?? {}

    t.equal(minAvailable, undefined)
    t.equal(maxUnavailable, 1)
    t.ok(minReplicas - 1 >= 2, 'and two more serve')
  })

  t.test('has two ports, by number in the settings and by name elsewhere', async t => {
    const annotations = podOf(deployment).metadata?.annotations ?? {}

    t.strictSame(server.ports, [
      { name: 'http', containerPort: config.port },
      { name: 'health', containerPort: config.health.listen?.port }
    ])
    t.match(the('Service').spec?.ports, [{ targetPort: 'http' }])
    t.strictSame(annotations, {
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': `${config.health.listen?.port}`,
      'prometheus.io/path': '/metrics'
    })
  })

  t.test('runs the migration from the same image, on the direct host, once', async t => {
    const migration = containerOf(job)

    t.equal(migration.image, server.image)
    t.strictSame(migration.command, ['node', 'node_modules/fastify-neon/dist/cli/main.js', 'migrate'])
    t.strictSame(
      (migration.env ?? []).map(({ name }) => name),
      ['DATABASE_URL_UNPOOLED']
    )
    t.equal(migration.envFrom, undefined)
    t.equal(job.spec?.podReplacementPolicy, 'Failed')
    t.equal(podOf(job).spec?.restartPolicy, 'Never')
  })
})

t.test('the pods', async t => {
  for (const workload of [deployment, job]) {
    const pod = podOf(workload).spec ?? { containers: [] }
    const { securityContext } = pod
    const container = containerOf(workload)

    t.test(`of the ${workload.kind} comply with the restricted standard`, async t => {
      t.match(securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
      t.ok((securityContext?.runAsUser ?? 0) > 0)
      t.strictSame(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] }
      })
      for (const shared of ['hostNetwork', 'hostPID', 'hostIPC', 'volumes'] as const)
        t.notOk(shared in pod, shared)
    })

    t.test(`of the ${workload.kind} cannot speak to the Kubernetes API`, async t => {
      t.equal(pod.automountServiceAccountToken, false)
      t.equal(pod.serviceAccountName, the('ServiceAccount').metadata?.name)
      t.equal(the('ServiceAccount').automountServiceAccountToken, false)
    })

    t.test(`of the ${workload.kind} get the memory that they may use, and CPU without a limit`, async t => {
      const { requests, limits } = container.resources ?? {}

      t.ok(requests?.memory)
      t.strictSame(limits, { memory: requests?.memory })
    })
  }
})
