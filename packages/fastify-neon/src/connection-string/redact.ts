/**
 * Owns the masking of passwords in free text, such as a log line or what psql wrote to stderr.
 * Where the end of a password is in doubt it masks too much, never too little.
 */
const MASK = '***'

/** Bounded, so that a long word without a colon costs one look at each letter; `:\/\/` is how PHP writes JSON. */
const SCHEME = /(?:postgre[\w+.-]{0,20}|pgsql|psql|pg):(?:\\?\/){2}/i
const SCHEMES = new RegExp(SCHEME.source, 'gi')
const LINE_BREAK = /[\r\n]/
const USER = /^[^\s:]*:/
/** Any @ but the one of a scoped package on disk. */
const AT = /(?<!node_modules\/)@/
/** An @ with a host and a port or path behind it, which no e-mail address has. */
const AT_HOST = new RegExp(`${AT.source}[\\w.%[\\]-]*[/:]`, 'g')
/** Behind the first colon stands a port, the rest of an IPv6 address, or nothing: there is no password. */
const NO_PASSWORD = /^(?:\d*|[\da-f:.]*\](?::\d*)?)(?:[/?#\s'"`),;]|$)/i

const QUOTED = String.raw`(["'])(?:(?!\2)[^\\]|\\.)*\2`
/** `?password=` ends at an ampersand, `password=` elsewhere does not; `"password": "…"` is an object printed. */
const IN_QUERY = /([?&]\w{0,20}passw(?:or)?d=)[^\s&#]*/gi
const IN_PAIR = new RegExp(
  `((?<![?&]\\w{0,20})passw(?:or)?d\\s{0,9}=\\s{0,9})(?:${QUOTED}|['"].*)?\\S*`,
  'gi'
)
const IN_OBJECT = new RegExp(`(passw(?:or)?d["']?\\s{0,9}:\\s{0,9})${QUOTED}`, 'gis')

/** Replaces every password of a Postgres URL, and of `password=…`, by `***`; works on any string, and twice. */
export function redact(text: string): string {
  return redactUrls(text)
    .replace(IN_QUERY, `$1${MASK}`)
    .replace(IN_PAIR, `$1${MASK}`)
    .replace(IN_OBJECT, `$1$2${MASK}$2`)
}

function redactUrls(text: string): string {
  const written: string[] = []
  let done = 0
  for (const { index, 0: scheme } of text.matchAll(SCHEMES)) {
    if (index < done) continue
    const begin = index + scheme.length
    const end = endOfUrl(text, begin)
    written.push(text.slice(done, begin), redactBody(text.slice(begin, end), text.charAt(index - 1)))
    done = end
  }
  return written.join('') + text.slice(done)
}

/** The next scheme, unless it is inside the password: one without an @ or a space so far has not ended. */
function endOfUrl(text: string, begin: number): number {
  const end = nextIndex(text, SCHEME, begin)
  return isOpen(text.slice(begin, end)) ? nextIndex(text, SCHEME, nextIndex(text, /[\s@]/, end)) : end
}

function isOpen(body: string): boolean {
  const user = USER.exec(body)?.[0]
  if (user === undefined || /[\s@]/.test(body)) return false
  const rest = body.slice(user.length)
  return rest !== MASK && !NO_PASSWORD.test(rest)
}

/** `body` is what follows the scheme, up to the next scheme; `opener` the character before the scheme. */
function redactBody(body: string, opener: string): string {
  const user = USER.exec(body)?.[0]
  if (user === undefined) return body

  const rest = body.slice(user.length)
  const end = endOfPassword(withinQuotes(rest, opener)) ?? endOfPassword(rest)
  if (end !== undefined) return `${user}${MASK}${rest.slice(end)}`
  const line = rest.slice(0, nextIndex(rest, LINE_BREAK, 0))
  const isPlain = NO_PASSWORD.test(rest) && !AT.test(line)
  if (isPlain || /[/?#]/.test(user)) return body
  return `${user}${MASK}${rest.slice(endOfBroken(rest))}`
}

/** The part before the quote that closes the one before the scheme: what follows is not the URL any more. */
function withinQuotes(rest: string, opener: string): string {
  if (opener === '' || !`'"\``.includes(opener)) return ''
  const close = rest.indexOf(opener)
  return close === -1 ? '' : rest.slice(0, close)
}

/** Where the last @ stands that may end the password: in the first word, or with a host behind it in the line. */
function endOfPassword(rest: string): number | undefined {
  const line = rest.slice(0, nextIndex(rest, LINE_BREAK, 0))
  const inWord = line.slice(0, nextIndex(line, /\s/, 0)).lastIndexOf('@')
  const inLine = [...line.matchAll(AT_HOST)].at(-1)?.index ?? -1
  const end = Math.max(inWord, inLine)
  return end === -1 ? undefined : end
}

/** A password with spaces or line breaks in it: it ends at the last @ of the first line that has one. */
function endOfBroken(rest: string): number {
  const first = rest.indexOf('@')
  if (first === -1) return nextIndex(rest, LINE_BREAK, 0)
  return rest.lastIndexOf('@', nextIndex(rest, LINE_BREAK, first))
}

/** The first index at or behind `from` where the pattern matches, or the end of the text. */
function nextIndex(text: string, pattern: RegExp, from: number): number {
  const index = text.slice(from).search(pattern)
  return index === -1 ? text.length : from + index
}
