/**
 * docs/reference/health-api.md is compared with the schemas and the tables.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  DATABASE_EVENTS,
  DATABASE_STATES,
  FAILURE_REASONS,
  nextDatabaseState
} from '../../../src/health/database.ts'
import { POOL_FLOWS } from '../../../src/health/flow.ts'
import { PROCESS_STATES } from '../../../src/health/process.ts'
import { CHECK_STATES, READINESS, READINESS_BY_STATE } from '../../../src/health/snapshot.ts'
import { Detail } from '../../../src/plugins/health/schemas.ts'

const text = readFileSync(new URL('../../../../../docs/reference/health-api.md', import.meta.url), 'utf8')

/** Cells of the table whose head begins so, without backticks. */
function table(head: string): string[][] {
  const start = text.indexOf(head)
  const [, , ...rows] = text.slice(start, text.indexOf('\n\n', start)).split('\n')
  return rows.map(row =>
    row
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim().replaceAll('`', ''))
  )
}

/** Words in backticks between two texts. */
function words(from: string, to: string): string[] {
  const start = text.indexOf(from) + from.length
  return [...text.slice(start, text.indexOf(to, start)).matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}

t.test('docs/reference/health-api.md', async t => {
  t.test('has every state of the database with its readiness', async t => {
    t.strictSame(
      table('| state     | what it means').map(([state, , open, closed]) => [state, open, closed]),
      DATABASE_STATES.map(state => [
        state,
        READINESS_BY_STATE['fail-open'][state],
        READINESS_BY_STATE['fail-closed'][state]
      ])
    )
  })

  t.test('has what follows after every state and event', async t => {
    t.match(text, new RegExp(`\\| state +\\| ${DATABASE_EVENTS.join(' +\\| ')} +\\|`))
    t.strictSame(
      table('| state     | answered'),
      DATABASE_STATES.map(state => [state, ...DATABASE_EVENTS.map(event => nextDatabaseState(state, event))])
    )
  })

  t.test('has every state of the process', async t => {
    t.strictSame(
      table('| state         | when')
        .map(([state]) => state)
        .sort(),
      [...PROCESS_STATES].sort()
    )
  })

  t.test('has every word and member of a body', async t => {
    t.strictSame(words('`status` is ', ', and all'), READINESS)
    t.strictSame(words('`reason` is one of ', '; `flow`'), FAILURE_REASONS)
    t.strictSame(words('`flow` one of ', '; a check'), POOL_FLOWS)
    t.strictSame(words('a check\nis ', '.').sort(), [...CHECK_STATES].sort())
    t.strictSame(words('Members of `detail`: ', '.'), Object.keys(Detail.properties))
    t.strictSame(words('Of `database`: ', '. Of'), Object.keys(Detail.properties.database.properties))
    t.strictSame(words('Of `pool`: ', '.\n'), Object.keys(Detail.properties.pool.properties))
  })
})
