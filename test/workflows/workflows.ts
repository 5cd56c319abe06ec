/**
 * The workflows of GitHub Actions, as text and as data.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ROOT } from '../support/processes.ts'

export const FOLDER = join(ROOT, '.github/workflows')

export interface Step {
  id?: string
  name?: string
  if?: string
  run?: string
  uses?: string
  with?: Record<string, unknown>
  env?: Record<string, string>
}

export interface Job {
  if?: string
  uses?: string
  environment?: string
  permissions?: Record<string, string>
  'timeout-minutes'?: number
  strategy?: { matrix: Record<string, string[]> }
  steps?: Step[]
}

export interface Workflow {
  name: string
  on: Record<string, unknown>
  permissions?: Record<string, string>
  concurrency?: { group: string; 'cancel-in-progress': boolean | string }
  jobs: Record<string, Job>
}

export const workflows = readdirSync(FOLDER).map(file => {
  const text = readFileSync(join(FOLDER, file), 'utf8')
  const workflow: Workflow = parse(text)
  return { file, text, workflow, jobs: Object.entries(workflow.jobs) }
})

export type WorkflowFile = (typeof workflows)[number]

export function theWorkflow(name: string): WorkflowFile {
  const found = workflows.find(({ file }) => file === name)
  if (!found) throw new Error(`there is no workflow ${name}`)
  return found
}

/** The versions of Node.js that all tests run on, from the oldest to the newest. */
export function nodeVersions(): string[] {
  return theWorkflow('test.yml').workflow.jobs.test?.strategy?.matrix.node ?? []
}

export function stepsOf({ jobs }: Pick<WorkflowFile, 'jobs'>): Step[] {
  return jobs.flatMap(([, { steps = [] }]) => steps)
}

/** The script of a step, as the runner would give it to bash. */
export function scriptOf(file: string, name: string): string {
  const step = stepsOf(theWorkflow(file)).find(step => step.name === name)
  if (!step?.run) throw new Error(`${file} has no script ${name}`)
  return step.run
}
