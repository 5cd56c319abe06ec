/**
 * docs/how-to/kubernetes.md is compared with the manifests.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Probe } from 'kubernetes-types/core/v1.js'
import t from 'tap'
import { loadConfig } from '../../src/config.ts'
import { ROOT } from '../support/processes.ts'
import {
  containerOf,
  FOLDER,
  manifests,
  parseManifests,
  podOf,
  sessionsOf,
  settingsOf,
  the
} from './manifests.ts'

const text = readFileSync(join(ROOT, 'docs/how-to/kubernetes.md'), 'utf8')
const deployment = the('Deployment')
const settings = settingsOf(manifests)

t.test('docs/how-to/kubernetes.md', async t => {
  t.test('counts the sessions of these manifests, which fit the smallest compute', async t => {
    const { replicas, surge, terminating, poolMax, jobs, sessions } = sessionsOf(manifests)
    const counted = [
      ...text.matchAll(/^\| (?:replicas|surge|terminating|`DATABASE_POOL_MAX`|direct jobs|sessions) .*$/gm)
    ]
    const [smallest] = computes()

    t.strictSame(
      counted.map(([row]) => Number(row.split('|')[2])),
      [replicas, surge, terminating, poolMax, jobs, sessions]
    )
    t.ok(sessions <= (smallest?.sessions ?? 0))
  })

  t.test('has the connections of each compute by its own formula', async t => {
    t.strictSame(computes().length, 7)
    for (const { units, maxConnections, sessions } of computes()) {
      t.equal(maxConnections, Math.max(100, Math.min(4000, Math.floor(units * 419.66))), `${units} CU`)
      t.equal(sessions, maxConnections - 7, `${units} CU`)
    }
  })

  t.test('has the numbers of each probe', async t => {
    const { startupProbe, readinessProbe, livenessProbe } = containerOf(deployment)
    const rowOf = (name: string, probe: Probe = {}) => {
      const { httpGet, periodSeconds, timeoutSeconds, failureThreshold } = probe
      return [
        name,
        `\`${httpGet?.path}\``,
        `${periodSeconds} s`,
        `${timeoutSeconds} s`,
        `${failureThreshold}`
      ]
    }
    const rows = [...text.matchAll(/^\| (?:startup|readiness|liveness) .*$/gm)].map(([row]) =>
      row
        .split('|')
        .slice(1, 6)
        .map(cell => cell.trim())
    )

    t.strictSame(rows, [
      rowOf('startup', startupProbe),
      rowOf('readiness', readinessProbe),
      rowOf('liveness', livenessProbe)
    ])
  })

  t.test('has the times of a stop, the size of the fleet and the memory', async t => {
    const { minReplicas, maxReplicas } = the('HorizontalPodAutoscaler').spec ?? {}
    const { terminationGracePeriodSeconds } = podOf(deployment).spec ?? {}
    const memory = containerOf(deployment).resources?.limits?.memory

    for (const name of ['DRAIN_DELAY_MS', 'SHUTDOWN_TIMEOUT_MS']) {
      t.match(text, `\`${name}\` (${settings.get(name)})`)
    }
    t.match(text, `\`terminationGracePeriodSeconds\` (${terminationGracePeriodSeconds})`)
    t.match(text, `\`minReadySeconds\` is ${deployment.spec?.minReadySeconds}`)
    t.match(text, `the autoscaler keeps ${minReplicas} to ${maxReplicas}`)
    t.match(text, `${memory?.replace('Mi', ' MiB')}`)
  })

  t.test('names resources that are there', async t => {
    const names = [...text.matchAll(/\b(job|deployment)[ /](fastify-neon[\w-]*)/g)].map(
      ([, kind, name]) => `${kind}/${name}`
    )

    t.strictSame([...new Set(names)].sort(), [
      `deployment/${deployment.metadata?.name}`,
      `job/${the('Job').metadata?.name}`
    ])
  })
})

t.test('the overlay of docs/how-to/kubernetes.md', async t => {
  const overlay = (/```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '').replace(/^ {3}/gm, '')
  const database = {
    DATABASE_URL: 'postgresql://me:a-word@ep-x-1.us-east-2.aws.neon.tech/neondb?sslmode=require'
  }

  t.test('adds what the service needs to start', async t => {
    const literals = [...overlay.matchAll(/^ +- ([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value])

    t.ok(loadConfig({ ...Object.fromEntries(settings), ...Object.fromEntries(literals), ...database }))
  })

  const hasKubectl = spawnSync('kubectl', ['kustomize', '--help']).error === undefined
  t.test('is built by kubectl', { skip: !hasKubectl && 'there is no kubectl on this machine' }, async t => {
    const directory = t.testdir({})
    const file = join(directory, 'kustomization.yaml')
    writeFileSync(file, overlay.replace('../../deploy/kubernetes', relative(directory, FOLDER)))

    const { stdout, stderr } = spawnSync('kubectl', ['kustomize', directory], { encoding: 'utf8' })

    const built = parseManifests(stdout || `error: ${stderr}`)
    const image = 'registry.example/fastify-neon:1'
    t.equal(stdout.split(`image: ${image}\n`).length - 1, 2, 'of the service and of the migration')
    t.strictSame(sessionsOf(built), sessionsOf(manifests))
    t.ok(loadConfig({ ...Object.fromEntries(settingsOf(built)), ...database }))
  })
})

function computes() {
  return [...text.matchAll(/^\| ([\d.]+) CU .*\| (\d+) +\| (\d+) +\|$/gm)].map(
    ([, units, maxConnections, sessions]) => ({
      units: Number(units),
      maxConnections: Number(maxConnections),
      sessions: Number(sessions)
    })
  )
}
