/**
 * Reads Kubernetes manifests, from a folder of them or from what `kubectl kustomize` prints, and
 * finds in them what connects to the database.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Fleet } from '../neon/connection-budget.ts'
import { POOL_DEFAULTS } from '../neon/pool-limits.ts'

export type Manifest = Record<string, unknown>

// What a Deployment has without them. Source: Kubernetes API reference, Deployment v1 and Pod v1.
const DEFAULT_ROLLOUT_SHARE = '25%'
const DEFAULT_GRACE_PERIOD_SECONDS = 30

/** Those of a kustomization that names files and generates ConfigMaps. Throws when it does more, as overlays do. */
export function readManifests(folder: string): Manifest[] {
  const [kustomization = {}] = parseManifests(readFileSync(join(folder, 'kustomization.yaml'), 'utf8'))
  const { apiVersion, kind, resources, configMapGenerator, ...beyond } = kustomization
  const files = listOf(resources).map(String)
  const generators = listOf(configMapGenerator)
  if (
    Object.keys(beyond).length > 0 ||
    !files.every(file => file.endsWith('.yaml')) ||
    !generators.every(generator => Array.isArray(at(generator, 'literals')))
  ) {
    throw new Error(
      `${folder} takes kustomize to read: kubectl kustomize ${folder} | npm run -s db:budget -- --manifests -`
    )
  }
  return [
    ...files.flatMap(file => parseManifests(readFileSync(join(folder, file), 'utf8'))),
    ...generators.map(generatedConfigMap)
  ]
}

/** Throws for what is no YAML, and for documents that are no objects. */
export function parseManifests(text: string): Manifest[] {
  return Array.from(parseAllDocuments(text), document => {
    for (const error of document.errors) throw error
    const manifest: unknown = document.toJS()
    if (isRecord(manifest)) return manifest
    throw new Error('a manifest must be an object')
  })
}

/** At most so much connects at once, by these manifests. Throws when there is no Deployment among them. */
export function fleetOf(manifests: Manifest[]): Fleet {
  const [deployment] = manifests.filter(({ kind }) => kind === 'Deployment')
  if (deployment === undefined) throw new Error('there is no Deployment in these manifests')
  const [autoscaler] = manifests.filter(({ kind }) => kind === 'HorizontalPodAutoscaler')
  const spec = at(deployment, 'spec')
  const replicas = Number(at(autoscaler, 'spec', 'maxReplicas') ?? at(spec, 'replicas') ?? 1)
  const rollout = at(spec, 'strategy', 'rollingUpdate')
  const surge = Math.ceil(shareOf(replicas, at(rollout, 'maxSurge')))
  const unavailable = Math.floor(shareOf(replicas, at(rollout, 'maxUnavailable')))
  const jobs = manifests.filter(({ kind }) => kind === 'Job').map(connectionsOfJob)
  return {
    replicas,
    surge,
    terminating: Math.min(replicas, (surge + unavailable) * stepsBeforeOneIsGone(spec)),
    poolMax: Number(settingsOf(deployment, manifests).get('DATABASE_POOL_MAX') ?? POOL_DEFAULTS.max),
    jobs: jobs.reduce((sum, count) => sum + count, 0)
  }
}

/** The variables of the first container that the manifests hold themselves, so none of a Secret. */
export function settingsOf(workload: Manifest, manifests: Manifest[]): Map<string, string> {
  const [container] = listOf(at(workload, 'spec', 'template', 'spec', 'containers'))
  const names = listOf(at(container, 'envFrom')).map(source => at(source, 'configMapRef', 'name'))
  const maps = manifests.filter(
    manifest => manifest.kind === 'ConfigMap' && names.includes(at(manifest, 'metadata', 'name'))
  )
  const shared = maps.flatMap(({ data }) => (isRecord(data) ? Object.entries(data) : []))
  const own = listOf(at(container, 'env')).map(variable => [at(variable, 'name'), at(variable, 'value')])
  const values = [...shared, ...own].filter(([, value]) => value !== undefined)
  return new Map(values.map(([name, value]) => [String(name), String(value)]))
}

/**
 * Pods of how many steps of a rollout end at the same time. The controller takes the next step when a
 * new pod has been ready for minReadySeconds, and does not wait for the end of the old one; without
 * it, a second is what a start takes at least.
 */
function stepsBeforeOneIsGone(spec: unknown): number {
  const gracePeriod = at(spec, 'template', 'spec', 'terminationGracePeriodSeconds')
  const minReadySeconds = Math.max(1, Number(at(spec, 'minReadySeconds') ?? 0))
  return Math.ceil(Number(gracePeriod ?? DEFAULT_GRACE_PERIOD_SECONDS) / minReadySeconds)
}

/** A pod that ends and the one in its place, unless one waits for the other. */
function connectionsOfJob(job: Manifest): number {
  const isOneByOne = at(job, 'spec', 'podReplacementPolicy') === 'Failed'
  return Number(at(job, 'spec', 'parallelism') ?? 1) * (isOneByOne ? 1 : 2)
}

/** Of a count, or of a percentage such as `25%`. */
function shareOf(replicas: number, value: unknown = DEFAULT_ROLLOUT_SHARE): number {
  const text = String(value)
  return text.endsWith('%') ? (replicas * Number(text.slice(0, -1))) / 100 : Number(text)
}

function generatedConfigMap(generator: unknown): Manifest {
  const pairs = listOf(at(generator, 'literals')).map(literal => {
    const text = String(literal)
    const sign = text.indexOf('=')
    return [text.slice(0, sign), text.slice(sign + 1)]
  })
  const metadata = { name: at(generator, 'name') }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries(pairs) }
}

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce((inner, key) => (isRecord(inner) ? inner[key] : undefined), value)
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
