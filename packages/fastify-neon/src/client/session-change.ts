/**
 * Which statements leave something behind on their session that the next user of the connection would meet: settings,
 * temporary tables, locks, channels. Told by the text, and on the safe side; what a function of the database does, nobody sees.
 */
import { cachedByText } from '../runtime/text-cache.ts'

// Where a statement begins, behind comments.
const START = String.raw`(?:^|;)(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*`

const startsWith = (words: string) => new RegExp(`${START}${words}`, 'i')

/** Most statements have none of these words, which is told in one go. */
const SUSPECT = new RegExp(
  String.raw`${START}(?:set|listen|prepare|load|do)\b|\b(?:temp|temporary|pg_temp|set_config|hold|pg_(?:try_)?advisory_lock\w*)\b`,
  'i'
)

const CHANGES: readonly (readonly [change: string, pattern: RegExp])[] = [
  ['SET', startsWith(String.raw`set\s+(?!(?:local|transaction|constraints)\b)`)],
  ['LISTEN', startsWith(String.raw`listen\b`)],
  ['PREPARE', startsWith(String.raw`prepare\s+(?!transaction\b)`)],
  ['LOAD', startsWith(String.raw`load\b`)],
  ['DO', startsWith(String.raw`do\b[\s\S]*\b(?:set|listen|load)\b`)],
  ['cursor WITH HOLD', /\bwith\s+hold\b/i],
  ['advisory lock', /\bpg_(?:try_)?advisory_lock/i]
]

const TEMPORARY = /\btemp(?:orary)?\s+(?:recursive\s+)?(?:table|view|sequence)\b|\binto\s+temp|\bpg_temp\b/i
const ENDS_AT_COMMIT = /\bon\s+commit\s+drop\b/i

const SETS = /\bset_config\s*\(/gi
const SETS_LOCALLY = /,\s*true\s*\)/gi

const NOTHING = ''

const cachedChangeOf = cachedByText(text => changeOf(text) ?? NOTHING)

/** What it changes, in a word; undefined for a statement that leaves nothing. */
export function sessionChangeOf(text: string): string | undefined {
  return cachedChangeOf(text) || undefined
}

function changeOf(text: string): string | undefined {
  if (!SUSPECT.test(text)) return undefined
  const change = CHANGES.find(([, pattern]) => pattern.test(text))?.[0]
  if (change) return change
  if (count(text, SETS) > count(text, SETS_LOCALLY)) return 'set_config'
  return TEMPORARY.test(text) && !ENDS_AT_COMMIT.test(text) ? 'temporary table' : undefined
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

/** No answer depends on it. Behind PgBouncer, which sets it after the login, DISCARD ALL takes it away. */
const NAME_OF_SESSION = 'application_name'

/** Settings that the server reports of itself, such as TimeZone and, from Postgres 18 on, search_path. */
export function createReportedSettings() {
  const atLogin = new Map<string, string>()
  const changed = new Set<string>()
  let isLoggedIn = false

  return {
    note(name: string, value: string) {
      if (name === NAME_OF_SESSION) return
      if (!isLoggedIn) atLogin.set(name, value)
      else if (atLogin.get(name) === value) changed.delete(name)
      else changed.add(name)
    },
    loggedIn() {
      isLoggedIn = true
    },
    /** One that is not as it was at the login. */
    get changed(): string | undefined {
      return changed.size === 0 ? undefined : [...changed][0]
    }
  }
}
