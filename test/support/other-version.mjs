/**
 * `OTHER_VERSIONS='{"drizzle-orm":"/path/node_modules/drizzle-orm"}' node --import ./test/other-version.mjs …`: whoever
 * imports these packages gets those copies of them.
 */
/* c8 ignore start -- runs in a thread of its own, which coverage does not reach */
import { register } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'

let copies = []

if (isMainThread) register(import.meta.url, { data: JSON.parse(process.env.OTHER_VERSIONS ?? '{}') })

export function initialize(data) {
  copies = Object.entries(data)
}

export function resolve(specifier, context, nextResolve) {
  const [, copy] = copies.find(([name]) => specifier === name || specifier.startsWith(`${name}/`)) ?? []
  if (copy === undefined) return nextResolve(specifier, context)
  return nextResolve(specifier, { ...context, parentURL: pathToFileURL(join(copy, 'package.json')).href })
}
