/**
 * The manifests in deploy/kubernetes, for tests: checked by the compiler against the types of
 * Kubernetes, and then as these types.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Deployment } from 'kubernetes-types/apps/v1.js'
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.js'
import type { Job } from 'kubernetes-types/batch/v1.js'
import type { ConfigMap, PodTemplateSpec, Service, ServiceAccount } from 'kubernetes-types/core/v1.js'
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js'
import type { Test } from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { ROOT } from '../support/processes.ts'

const execute = promisify(execFile)

export const FOLDER = join(ROOT, 'deploy/kubernetes')

type Manifest = Record<string, unknown>

interface Kinds {
  ConfigMap: ConfigMap
  Deployment: Deployment
  HorizontalPodAutoscaler: HorizontalPodAutoscaler
  Job: Job
  NetworkPolicy: NetworkPolicy
  PodDisruptionBudget: PodDisruptionBudget
  Service: Service
  ServiceAccount: ServiceAccount
}

/** Where kubernetes-types has the type of a kind. */
const MODULES: Record<string, string> = {
  'apps/v1': 'apps/v1',
  'autoscaling/v2': 'autoscaling/v2',
  'batch/v1': 'batch/v1',
  'networking.k8s.io/v1': 'networking/v1',
  'policy/v1': 'policy/v1',
  v1: 'core/v1'
}

const OPTIONS = '--noEmit --strict --skipLibCheck --target es2023 --module nodenext --types node'.split(' ')

export const manifests = readManifests()

/** The files that the kustomization names, and the ConfigMap that it generates. */
function readManifests(): Manifest[] {
  const read = (file: string) => readFileSync(join(FOLDER, file), 'utf8')
  const { resources, configMapGenerator } = parse(read('kustomization.yaml'))
  return [
    ...resources.flatMap((file: string) => parseManifests(read(file))),
    ...configMapGenerator.map(({ name, literals }: { name: string; literals: string[] }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: Object.fromEntries(literals.map(literal => literal.split('=')))
    }))
  ]
}

export function parseManifests(text: string): Manifest[] {
  return Array.from(parseAllDocuments(text), document => document.toJS())
}

/** The one of this kind. */
export function the<Kind extends keyof Kinds>(kind: Kind, among = manifests): Kinds[Kind] {
  const [found, ...others] = among.filter(manifest => manifest.kind === kind)
  if (found === undefined || others.length > 0) throw new Error(`there is not one ${kind}`)
  // The test of types has the compiler look at each.
  return found as unknown as Kinds[Kind]
}

/** What the pods of the Deployment get from the ConfigMap; the Secret has the rest. */
export function settingsOf(among: Manifest[]): Map<string, string> {
  return new Map(Object.entries(the('ConfigMap', among).data ?? {}))
}

/** What connects to the database at most, in the words of docs/how-to/kubernetes.md. */
export function sessionsOf(among: Manifest[]) {
  const replicas = the('HorizontalPodAutoscaler', among).spec?.maxReplicas ?? Number.NaN
  const surge = Number(the('Deployment', among).spec?.strategy?.rollingUpdate?.maxSurge)
  // As many as a step of the rollout replaces, since minReadySeconds is as long as a pod takes to end.
  const terminating = surge
  const poolMax = Number(settingsOf(among).get('DATABASE_POOL_MAX'))
  const jobs = among.filter(({ kind }) => kind === 'Job').length
  const sessions = (replicas + surge + terminating) * poolMax + jobs
  return { replicas, surge, terminating, poolMax, jobs, sessions }
}

export function podOf(workload: Deployment | Job): PodTemplateSpec {
  if (workload.spec?.template === undefined) throw new Error('a workload without pods')
  return workload.spec.template
}

export function containerOf(workload: Deployment | Job) {
  const [container, ...others] = podOf(workload).spec?.containers ?? []
  if (container === undefined || others.length > 0) throw new Error('a pod has one container here')
  return container
}

/**
 * What the compiler says of these as objects of their kind. As literals, so that a field which the kind
 * does not have, such as a misspelt one, is an error.
 */
export async function typeErrorsIn(t: Test, objects: Manifest[]): Promise<string[]> {
  const literals = objects.map(object => {
    const type = `import('kubernetes-types/${MODULES[String(object.apiVersion)]}.js').${object.kind}`
    return `(${JSON.stringify(object)}) satisfies ${type}`
  })
  const directory = t.testdir({ 'literals.ts': `export default [\n${literals.join(',\n')}\n]\n` })
  const { stdout } = await run('npx', ['tsc', '--ignoreConfig', ...OPTIONS, join(directory, 'literals.ts')])
  return [...stdout.matchAll(/error TS\d+: (.*)/g)].map(([, message = '']) => message)
}

/** Without tap's coverage, under which the compiler takes several times as long. A failure is told by its output. */
function run(command: string, args: string[]): Promise<{ stdout: string }> {
  const finished = execute('env', ['-u', 'NODE_OPTIONS', command, ...args], { cwd: ROOT })
  return finished.catch((failure: { stdout: string }) => failure)
}
