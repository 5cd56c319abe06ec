/**
 * The commands of `npx local-neon …`: each is one request to the control interface of the
 * local Neon that serves the folder.
 */
import { ignore } from '../failure.ts'
import { FAULT_TYPES } from '../faults/fault.ts'
import { choosePlace } from '../postgres/place.ts'
import { readRunning } from '../postgres/running.ts'
import { flagOf, LOCAL_SETTINGS, type LocalSettings } from './settings.ts'

const FLAGS = Object.entries(LOCAL_SETTINGS).map(([name, text]) => [`--${flagOf(name)}`, text] as const)

export const USAGE = `npx local-neon [options]            starts a local Neon
npx local-neon [options] COMMAND    speaks to the one that runs

  console                         prints the URL of the console, for a browser
  status                          state, meter and faults, as JSON
  suspend                         the compute goes to sleep now
  wake                            the compute wakes
  fault TYPE [NAME=VALUE …]       begins a fault, such as: fault latency toServerMs=20 connections=new
  faults                          lists the faults
  heal [ID]                       ends a fault, or all
  kill [PID]                      ends a backend, or all

types of faults: ${FAULT_TYPES.join(', ')}

${FLAGS.map(([flag, text]) => `  ${flag.padEnd(30)}${text}`).join('\n')}`

interface Request {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  body?: unknown
}

/** Answers what to print. Throws for a command that does not exist, for no local Neon, and with what that says. */
export async function runCommand(
  { directory, systemDirectory }: LocalSettings,
  command: string,
  words: string[]
): Promise<string> {
  const request = command === 'console' ? undefined : requestFor(command, words)
  const { home } = await choosePlace({ directory, systemDirectory, log: ignore })
  const running = await readRunning(home)
  if (running?.controlPort === undefined) throw new Error(`no local Neon serves ${home}: npx local-neon`)
  if (request === undefined) return String(running.consoleUrl)
  return await send(`http://127.0.0.1:${running.controlPort}${request.path}`, request)
}

function requestFor(command: string, words: string[]): Request {
  const [first, ...others] = words
  switch (command) {
    case 'status':
      return { method: 'GET', path: '/' }
    case 'suspend':
    case 'wake':
      return { method: 'POST', path: `/${command}` }
    case 'faults':
      return { method: 'GET', path: '/faults' }
    case 'fault':
      return { method: 'POST', path: '/faults', body: { type: first, ...valuesFrom(others) } }
    case 'heal':
      return { method: 'DELETE', path: first === undefined ? '/faults' : `/faults/${first}` }
    case 'kill':
      return { method: 'POST', path: '/kill', body: first === undefined ? {} : { processId: Number(first) } }
    default:
      throw new Error(`there is no command ${command}\n\n${USAGE}`)
  }
}

/** `toServerMs=20 where.user=alice` as an object; what looks like a number is one. */
function valuesFrom(words: string[]): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  const where: Record<string, string> = {}
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 1) throw new Error(`a value of a fault is written NAME=VALUE, not ${word}`)
    const name = word.slice(0, at)
    const value = word.slice(at + 1)
    if (name.startsWith('where.')) where[name.slice('where.'.length)] = value
    else values[name] = /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : value
  }
  return Object.keys(where).length === 0 ? values : { ...values, where }
}

async function send(url: string, { method, body }: Request): Promise<string> {
  const options = body === undefined ? {} : { body: JSON.stringify(body) }
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method, headers, ...options }).catch((cause: unknown) => {
    throw new Error(`the local Neon does not answer at ${url}`, { cause })
  })
  const text = await response.text()
  if (!response.ok) throw new Error(JSON.parse(text).message)
  return text === '' ? 'done' : JSON.stringify(JSON.parse(text), undefined, 2)
}
