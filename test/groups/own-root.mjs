/**
 * A hook of the module loader: in a test file of a group, `tap` is the subtest of that file, so that
 * its databases and servers end with it and a failure has its name.
 */
import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) register(import.meta.url)

export function resolve(specifier, context, nextResolve) {
  if (specifier !== 'tap' || !context.parentURL?.endsWith('.test.ts')) return nextResolve(specifier, context)
  const root = new URL('root.ts', import.meta.url)
  root.searchParams.set('file', context.parentURL)
  return { url: root.href, format: 'module', shortCircuit: true }
}
