/**
 * Runs the TypeScript of this project, its packages included: `node --import ./typescript-loader.mjs file.ts`.
 * A package of packages/ is its sources, through a condition in its exports, and not what was built of it.
 * Types become spaces, so that lines and columns stay. What was blanked out once is kept,
 * since the compiler takes most of a second to load. Node.js 22.18 needs only the condition.
 */
/* c8 ignore start -- runs in a thread of its own, which coverage does not reach */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'

const CACHE = new URL('./node_modules/.cache/typescript-loader/', import.meta.url)

const SOURCE = 'fastify-neon-source'

if (isMainThread) register(import.meta.url)

export function resolve(specifier, context, nextResolve) {
  return nextResolve(specifier, { ...context, conditions: [...context.conditions, SOURCE] })
}

export async function load(url, context, nextLoad) {
  if (process.features.typescript || !url.startsWith('file:') || !url.endsWith('.ts'))
    return nextLoad(url, context)
  const source = await readFile(fileURLToPath(url), 'utf8')
  return { format: 'module', shortCircuit: true, source: `${await blanked(source)}\n//# sourceURL=${url}` }
}

/** Found by its content, so that nothing kept is ever stale. */
async function blanked(source) {
  const file = new URL(`${createHash('sha256').update(source).digest('hex')}.js`, CACHE)
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept !== undefined) return kept
  const { default: blankTypes } = await import('ts-blank-space')
  const text = blankTypes(source)
  // Where it cannot be kept, such as in an installation of root's, it is made each time.
  await keep(file, text).catch(() => {})
  return text
}

async function keep(file, text) {
  await mkdir(CACHE, { recursive: true })
  const draft = new URL(`${randomUUID()}.draft`, CACHE)
  await writeFile(draft, text)
  await rename(draft, file)
}
