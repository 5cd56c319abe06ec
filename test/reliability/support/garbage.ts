/**
 * Node.js without its garbage, to see what is kept.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

const collect: () => void = runInNewContext('gc')

/**
 * The memory of buffers is given back by another thread, from Node.js 24 on after the collection has returned; a
 * second one waits for it.
 */
export function collectGarbage(): void {
  collect()
  collect()
}
