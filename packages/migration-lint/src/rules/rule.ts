/**
 * What a rule of the lint is.
 */
import type { Action } from '../actions.ts'
import type { Scope } from '../scope.ts'

export interface HazardRule {
  /** To others, while it runs or from then on. */
  effect: string
  /** What does the same with less of that. */
  saferWay: string
  /** Of the manual of PostgreSQL, where the effect is described. */
  page: string
  isIn(action: Action, scope: Scope): boolean
  /** Also on what the same migration made: it is not about the table itself. */
  isAboutOthers?: true
}
