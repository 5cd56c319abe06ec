/**
 * Owns the requests to local Neon. The token comes behind the # of the URL, which no browser sends on, and stays in this
 * tab: another page on this machine, at another port, cannot read it.
 *
 * @import { ConsoleView } from '../src/console/view.ts'
 */

const TOKEN = 'token'

takeToken()
addEventListener('hashchange', takeToken)

function takeToken() {
  if (!/^#[\w-]{20,}$/.test(location.hash)) return
  sessionStorage.setItem(TOKEN, location.hash.slice(1))
  history.replaceState(null, '', location.pathname)
}

/** A request that was answered with an error. */
export class RequestError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
async function send(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: {
      authorization: `Bearer ${sessionStorage.getItem(TOKEN)}`,
      ...(body !== undefined && { 'content-type': 'application/json' })
    },
    ...(body !== undefined && { body: JSON.stringify(body) })
  })
  const text = await response.text()
  const answer = text === '' ? undefined : JSON.parse(text)
  if (!response.ok) throw new RequestError(response.status, answer.message)
  return answer
}

/**
 * Resolves when there is something new, or after a second.
 * @param {ConsoleView | undefined} last
 * @returns {Promise<ConsoleView>}
 */
export function readView(last) {
  return send('GET', last ? `/view?boot=${last.boot}&after=${last.lastId}` : '/view')
}

/** @returns {Promise<{ schema: import('./fault-fields.js').FaultUnion, texts: string[] }>} */
export const readFaultTypes = () => send('GET', '/fault-types')
export const suspend = () => send('POST', '/suspend')
export const wake = () => send('POST', '/wake')
/** @param {number} processId */
export const endSession = processId => send('POST', '/kill', { processId })
/** @param {{ type: string } & Record<string, unknown>} fault */
export const switchOn = fault => send('POST', '/faults', fault)
/** @param {string} [id] */
export const switchOff = id => send('DELETE', id === undefined ? '/faults' : `/faults/${id}`)
