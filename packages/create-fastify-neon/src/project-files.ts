/**
 * Copies a template into the folder of the new project.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { NAME_PLACEHOLDER, STORED_DOT } from './variants.ts'

export interface ProjectOptions {
  /** Folder of the template. */
  template: string
  /** Folder of the new project. */
  folder: string
  name: string
  /** Folder with packed tarballs, which the project depends on in place of the published packages. */
  packages: string | undefined
}

const TARBALL = /^(.+)-\d+\.\d+\.\d+[^/]*\.tgz$/

export async function writeProject({ template, folder, name, packages }: ProjectOptions): Promise<void> {
  for (const stored of await filesIn(template)) {
    const target = join(folder, nameInProject(stored))
    const text = await readFile(join(template, stored), 'utf8')
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text.replaceAll(NAME_PLACEHOLDER, name))
  }
  if (packages !== undefined) await useTarballs(folder, packages)
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
}

function nameInProject(stored: string): string {
  const name = basename(stored)
  return name.startsWith(STORED_DOT) ? join(dirname(stored), `.${name.slice(STORED_DOT.length)}`) : stored
}

/** Also for the packages that depend on each other. */
async function useTarballs(folder: string, packages: string): Promise<void> {
  const file = join(folder, 'package.json')
  const manifest = JSON.parse(await readFile(file, 'utf8'))
  for (const tarball of await readdir(packages)) {
    const [, name = ''] = TARBALL.exec(tarball) ?? []
    const dependencies = [manifest.dependencies, manifest.devDependencies].find(each => name in each)
    if (dependencies === undefined) continue
    dependencies[name] = `file:${resolve(packages, tarball)}`
    manifest.overrides = { ...manifest.overrides, [name]: `$${name}` }
  }
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`)
}
