/**
 * Placeholders of documentation that were never replaced by the real value.
 */
import type { Report } from './findings.ts'
import type { Place } from './host.ts'

/** Each is unmistakable as it is; percent-encoded, the same characters are meant. */
const TEMPLATE =
  /^(?:<.*>|\[[^:]*\]|\$?\{.*\}|\*{3,}|•+|\.{3}|…|your[-_]?(?:\w{1,9}[-_])?(?:password|pass|user|username|role|host|hostname|database|db|dbname)(?:[-_]?here)?)$/i
const TEMPLATE_VARIABLE = /^\$[A-Z_]*(?:PASS|PWD|USER|HOST|DATABASE)[A-Z_]*$/
/** Real passwords of a container on this machine, so they count only elsewhere, and beside another placeholder. */
const EXAMPLE_PASSWORD = /^(?:password|passwd|pass|pwd|pw|secret|changeme|x{3,})$/i
const EXAMPLE_USER = /^(?:user|username|role|x{3,})$/i
const EXAMPLE_HOST =
  /^(?:host|hostname|(?:.*\.)?example(?:\.com|\.org|\.net)?|your[-_.].*|(?:ep-)?x{3,}(?:[-.].*)?|ep-(?:your|example|endpoint|host|hostname|name|id)(?:[-.].*)?|ep-[^.]*\.(?:c-\d+\.)?region\..*)$/

/** As written, not decoded: percent-encoded, the same characters are meant. */
export interface PlaceholderPieces {
  user: string
  password: string
  host: string
  path: string
}

export function checkPlaceholders(pieces: PlaceholderPieces, place: Place | undefined, report: Report): void {
  const isExampleHost = place ? EXAMPLE_HOST.test(place.host) : isTemplate(pieces.host)
  const isExamplePassword =
    EXAMPLE_PASSWORD.test(pieces.password) &&
    !place?.isLoopback &&
    (isExampleHost || EXAMPLE_USER.test(pieces.user))
  const names: string[] = []
  if (isTemplate(pieces.user)) names.push('user')
  if (isTemplate(pieces.password) || isExamplePassword) names.push('password')
  if (isExampleHost) names.push('host')
  if (isTemplate(pieces.path)) names.push('database')
  if (names.length > 0) report('placeholder', { names: names.join(', ') })
}

export function isTemplate(text: string): boolean {
  return TEMPLATE.test(text) || TEMPLATE_VARIABLE.test(text)
}
