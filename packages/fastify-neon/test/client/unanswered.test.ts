/**
 * Queries that the driver's own client sends without a Sync, so that it waits for good, and all that come behind.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { askBy, type Query } from './differential/asking.ts'
import type { Asked } from './differential/sequences.ts'
import { openSides, RESET } from './differential/sides.ts'

// Far above a round trip.
const DEADLINE_MS = 5000

const circular: Record<string, unknown> = {}
circular.itself = circular

const refuse = () => {
  throw new Error('refused')
}

const WRONG_VALUES: Record<string, Asked> = {
  'a value that contains itself': { text: 'select $1::json', values: [circular] },
  'a bigint in a value for json': { text: 'select $1::json', values: [{ big: 1n }] },
  'a value that throws in toJSON': { text: 'select $1::json', values: [{ toJSON: refuse }] },
  'a value that throws in toPostgres': { text: 'select $1::text', values: [{ toPostgres: refuse }] },
  'a value for a named statement that throws': { text: 'select $1::json', values: [circular], name: 'named' },
  'an array with a value that contains itself': { text: 'select $1::json[]', values: [[circular]] }
}

const WRONG_IN_PARTS: Record<string, Asked> = {
  'pages of a wrong statement': { text: 'selec 1', rows: 1 },
  'pages of a statement that fails on the second': {
    text: 'select 1 / (2 - n) from generate_series(1, 3) n',
    rows: 1
  },
  'COPY that is prepared': { text: 'copy parents from stdin', name: 'copied' },
  'COPY in pages': { text: 'copy parents from stdin', rows: 1 }
}

t.test('a query that the driver waits for without end', async t => {
  const { ours } = await openSides(t, 1)

  for (const [what, asked] of Object.entries({ ...WRONG_VALUES, ...WRONG_IN_PARTS })) {
    t.test(`${what} rejects, and those behind it are answered`, async t => {
      const client = ours.createClient(0)
      await client.connect()
      const query: Query = client.query.bind(client)
      const questions: Asked[] = [
        { text: 'select 1' },
        asked,
        { text: 'select $1::int', values: [2] },
        asked,
        { text: RESET }
      ]

      const kinds = await Promise.all(
        questions.map(async asked => {
          const way = { query, asked: { ...asked }, onHeard: () => {} }
          const outcome = await Promise.race([
            askBy('promise', way),
            sleep(DEADLINE_MS, 'waits', { ref: false })
          ])
          return typeof outcome === 'string' ? outcome : Object.keys(outcome).join()
        })
      )

      t.strictSame(kinds, ['answer', 'error', 'answer', 'error', 'answer'])
    })
  }
})
