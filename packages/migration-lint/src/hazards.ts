/**
 * Every statement that is pointed out, by the name that allows it. docs/reference/migration-hazards.md has the table; a test
 * compares the two. Chosen after strong_migrations, squawk and eugene; the locks are those of PostgreSQL's manual.
 */
import type { Node } from 'libpg-query'
import { actionsOf } from './actions.ts'
import { COLUMNS } from './rules/columns.ts'
import { CONSTRAINTS } from './rules/constraints.ts'
import { LOCKS } from './rules/locks.ts'
import { LOSSES } from './rules/losses.ts'
import { RENAMES } from './rules/renames.ts'
import type { HazardRule } from './rules/rule.ts'
import type { Scope } from './scope.ts'

export const HAZARDS = { ...LOSSES, ...RENAMES, ...LOCKS, ...COLUMNS, ...CONSTRAINTS }

export type HazardName = keyof typeof HAZARDS

const RULES = Object.entries<HazardRule>(HAZARDS)

export function isHazardName(name: string): name is HazardName {
  return Object.hasOwn(HAZARDS, name)
}

/** Each once, in the order of the table; the scope then knows the statement. */
export function hazardsOf(statement: Node, scope: Scope): HazardName[] {
  const found = new Set<string>()
  for (const action of actionsOf(statement)) {
    const isNew = scope.isNew(action)
    for (const [name, rule] of RULES)
      if ((!isNew || rule.isAboutOthers) && rule.isIn(action, scope)) found.add(name)
    scope.note(action)
  }
  return [...found].filter(isHazardName)
}
