/**
 * The name of the new project, in package.json and in the manifests of Kubernetes, which take lower-case letters, digits and hyphens.
 */
import { basename } from 'node:path'

const LONGEST = 50

export function projectName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST)
    .replace(/^-+|-+$/g, '')
  return name === '' ? 'service' : name
}
