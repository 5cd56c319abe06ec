/**
 * What a migration says of itself, in comments that begin with `-- fastify-neon:`.
 */

export interface Allowance {
  /** Of the hazard that is meant. */
  hazard: string
  reason: string
  line: number
}

export interface Directives {
  /** Its statements run one by one, outside a transaction where they must. */
  noTransaction: boolean
  allowances: Allowance[]
  /** Those that nobody knows, or that lack a part. */
  unknown: { text: string; line: number }[]
}

const DIRECTIVE = /^\s*--\s*fastify-neon:\s*(.*?)\s*$/
const ALLOW = /^allow\s+([a-z-]+)[:,]?\s+(\S.*)$/

/**
 * `-- fastify-neon:no-transaction` and `-- fastify-neon:allow HAZARD: REASON`, each on a line of its own.
 */
export function readDirectives(text: string): Directives {
  const directives: Directives = { noTransaction: false, allowances: [], unknown: [] }
  for (const [index, words] of text.split('\n').entries()) {
    const content = DIRECTIVE.exec(words)?.[1]
    if (content === undefined) continue
    const [, hazard, reason] = ALLOW.exec(content) ?? []
    const line = index + 1
    if (content === 'no-transaction') directives.noTransaction = true
    else if (hazard !== undefined && reason !== undefined)
      directives.allowances.push({ hazard, reason, line })
    else directives.unknown.push({ text: content, line })
  }
  return directives
}
