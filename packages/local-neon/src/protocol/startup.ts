/**
 * Owns what a client says first: what kind of start it is, and which of its parameters reach
 * the compute.
 */
import { CANCEL_CODE, PROTOCOL_3_0, ProtocolError } from './messages.ts'

export type Startup =
  | { kind: 'tls-request' }
  | { kind: 'gss-request' }
  /** The whole packet, for the compute. */
  | { kind: 'cancel'; packet: Buffer }
  | { kind: 'session'; parameters: ReadonlyMap<string, string>; unsupported: readonly string[] | undefined }

const CODE_OFFSET = 4
const PARAMETERS_OFFSET = 8
const TLS_CODE = 80_877_103
const GSS_CODE = 80_877_104
const MAJOR_3 = 3
const MAJOR_SHIFT = 16

export function parseStartup(packet: Buffer): Startup {
  const code = packet.readUInt32BE(CODE_OFFSET)
  if (code === TLS_CODE) return { kind: 'tls-request' }
  if (code === GSS_CODE) return { kind: 'gss-request' }
  if (code === CANCEL_CODE) return { kind: 'cancel', packet }
  if (code >>> MAJOR_SHIFT !== MAJOR_3) throw new ProtocolError('only version 3 of the protocol is spoken')
  const all = pairsIn(packet.subarray(PARAMETERS_OFFSET))
  const parameters = new Map(all.filter(([name]) => !isExtension(name)))
  const unsupported = code === PROTOCOL_3_0 ? undefined : all.map(([name]) => name).filter(isExtension)
  return { kind: 'session', parameters, unsupported }
}

/** Protocol extensions, none of which Neon's proxy supports. */
function isExtension(name: string): boolean {
  return name.startsWith('_pq_.')
}

function pairsIn(body: Buffer): Array<[string, string]> {
  const words = body.toString('utf8').split('\0')
  const pairs: Array<[string, string]> = []
  for (const [at, name] of words.entries()) {
    const value = words[at + 1]
    if (at % 2 === 1) continue
    if (name === '' || value === undefined) break
    pairs.push([name, value])
  }
  return pairs
}

/** The words in `options`: separated by white space of ASCII, where a backslash keeps the next character. */
export function wordsOf(options: string): string[] {
  return options.match(/(?:\\.|[^ \t\n\f\r\\]|\\$)+/gs) ?? []
}

const ENDPOINT_OPTION = /^(?:endpoint|project)=(.*)$/s
const NEON_OPTION = /^neon_\w+:./
/** Undocumented, a flag for clients that lean on parameters being forwarded. Its value does not matter. */
const FORWARD_ALL_OPTION = /^neon_proxy_params_compat:./

/** The endpoint that `options=endpoint=…` names, `project=` being its old name. Two of them name none. */
export function endpointOption(options = ''): string | undefined {
  const named = wordsOf(options).flatMap(word => ENDPOINT_OPTION.exec(word)?.[1] ?? [])
  return named.length === 1 ? named[0] : undefined
}

const FORWARDED = new Set(['user', 'database', 'application_name', 'replication'])

/**
 * What Neon's proxy passes on (`set_startup_params` in proxy/src/compute/mod.rs): timeouts and
 * everything else that it does not know is dropped in silence.
 */
export function forwardedParameters(parameters: ReadonlyMap<string, string>): Map<string, string> {
  const words = wordsOf(parameters.get('options') ?? '')
  const forwardsAll = words.some(word => FORWARD_ALL_OPTION.test(word))
  const options = words.filter(word => !ENDPOINT_OPTION.test(word) && !NEON_OPTION.test(word)).join(' ')
  const forwarded = new Map(forwardsAll ? [] : [['client_encoding', 'UTF8']])
  for (const [name, value] of parameters) {
    if (name !== 'options' && (forwardsAll || FORWARDED.has(name))) forwarded.set(name, value)
  }
  if (options !== '') forwarded.set('options', options)
  return forwarded
}

/** What PgBouncer takes in options: what it tracks by itself, and `extra_float_digits`, which Neon has it ignore. */
const POOLED_SETTINGS = new Set([
  'application_name',
  'client_encoding',
  'datestyle',
  'extra_float_digits',
  'intervalstyle',
  'standard_conforming_strings',
  'timezone'
])
const HELP =
  'Please use unpooled connection or remove this parameter from the startup package. ' +
  'More details: https://neon.tech/docs/connect/connection-errors#unsupported-startup-parameter'

/**
 * Why PgBouncer refuses `options` (`set_startup_options` in its src/client.c), in the words that Neon's
 * proxy makes of it; undefined when it does not.
 */
export function pooledOptionsRefusal(options = ''): string | undefined {
  const words = wordsOf(options)
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, setting] = /^(?:-c|--)(.*)$/s.exec(word) ?? []
    // `-c` may stand alone before its setting, `--` may not.
    const text = word === '-c' ? words.shift() : setting
    const [name] = unescaped(text ?? '').split('=', 1)
    if (!text?.includes('=') || name === undefined)
      return "unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed"
    if (!POOLED_SETTINGS.has(name.toLowerCase()))
      return `unsupported startup parameter in options: ${name}. ${HELP}`
  }
  return undefined
}

/** What Neon's proxy makes of a refusal of PgBouncer. */
export function inWordsOfProxy(text: string): string {
  return /^unsupported startup parameter(?!.*\. )/.test(text) ? `${text}. ${HELP}` : text
}

function unescaped(word: string): string {
  return word.replace(/\\(.?)/gs, '$1')
}
