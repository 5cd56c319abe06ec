/**
 * The ETag of a row: its version, and nothing more. The row is in the URL, and one that was deleted
 * never comes back under its id; so the version names one state of it.
 */
import { EntityTagInvalidError } from '../errors.ts'

// RFC 9110, section 8.8.3.
const TAG = '[\\t ]*(?:W/)?"[\\x21\\x23-\\x7e\\x80-\\xff]*"[\\t ]*'
/** `*`, or a list of ETags; as a schema takes it. */
export const ENTITY_TAGS = `^(?:\\*|${TAG}(?:,${TAG})*)$`
const LIST = new RegExp(ENTITY_TAGS)
// What entityTag writes, up to the largest integer of Postgres.
const VERSION = /^[1-9]\d{0,9}$/
const MAX_VERSION = 2_147_483_647

interface EntityTag {
  isWeak: boolean
  text: string
}

export function entityTag({ version }: { version: number }): string {
  return `"${version}"`
}

/** The versions that `If-Match` lets a change meet; undefined for any. A weak tag is never one. */
export function readIfMatch(header: string | undefined): number[] | undefined {
  if (header === undefined || header === '*') return undefined
  return readTags(header)
    .filter(({ isWeak, text }) => !isWeak && VERSION.test(text))
    .map(({ text }) => Number(text))
    .filter(version => version <= MAX_VERSION)
}

/** True when `If-None-Match` names this state. Weak or not makes no difference here. */
export function isNamed(header: string | undefined, row: { version: number }): boolean {
  if (header === undefined) return false
  return header === '*' || readTags(header).some(({ text }) => `"${text}"` === entityTag(row))
}

function readTags(header: string): EntityTag[] {
  if (!LIST.test(header)) throw new EntityTagInvalidError()
  return [...header.matchAll(/(W\/)?"([^"]*)"/g)].map(([, weak, text = '']) => ({
    isWeak: weak !== undefined,
    text
  }))
}
