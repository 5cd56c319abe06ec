import t from 'tap'
import { DATABASE_FAILURES, type FailureKind } from '../../../src/errors/errors.ts'
import { DatabaseFailure } from '../../../src/errors/failure.ts'
import type { PoolEvidence } from '../../../src/health/database-monitor.ts'
import { createSchemaDoubts, evidenceOf, reasonOf } from '../../../src/plugins/health/evidence.ts'
import type { PoolEvent } from '../../../src/pool/pool.ts'

const failure = (kind: FailureKind) => new DatabaseFailure(kind)
const delayMs = 1

const ROWS: { event: PoolEvent; evidence: PoolEvidence | undefined }[] = [
  { event: { type: 'connected', durationMs: 1, isOnly: true }, evidence: { type: 'answered' } },
  { event: { type: 'checked-out', waitedMs: 1 }, evidence: { type: 'wanted' } },
  {
    event: { type: 'connect-failed', failure: failure('refused') },
    evidence: { type: 'failed', reason: 'refused' }
  },
  {
    event: { type: 'connect-retried', failure: failure('unreachable'), delayMs },
    evidence: { type: 'failed', reason: 'unreachable' }
  },
  { event: { type: 'connect-retried', failure: failure('waking'), delayMs }, evidence: { type: 'wanted' } },
  { event: { type: 'connect-failed', failure: failure('aborted') }, evidence: undefined },
  { event: { type: 'connect-failed', failure: failure('closed') }, evidence: undefined },
  {
    event: { type: 'checked-out-client-lost', failure: failure('lost') },
    evidence: { type: 'failed', reason: 'unreachable' }
  },
  { event: { type: 'idle-client-lost', failure: failure('lost') }, evidence: { type: 'closed' } },
  { event: { type: 'statement-unanswered' }, evidence: { type: 'failed', reason: 'silent' } },
  { event: { type: 'statement-cancelled' }, evidence: undefined },
  { event: { type: 'checkout-refused', failure: failure('exhausted') }, evidence: undefined },
  { event: { type: 'clients-evicted', count: 3 }, evidence: undefined },
  { event: { type: 'replica-fallback' }, evidence: undefined },
  { event: { type: 'transaction-ended', outcome: 'rolled-back', durationMs: 1 }, evidence: undefined }
]

t.test('evidence', async t => {
  for (const { event, evidence } of ROWS) {
    const about = 'failure' in event ? `${event.type} (${event.failure.kind})` : event.type
    t.test(`of ${about} is ${evidence ? Object.values(evidence).join(' ') : 'none'}`, async t => {
      t.strictSame(evidenceOf(event), evidence)
    })
  }

  t.test('of a question has a reason for every kind of failure', async t => {
    const reasons = Object.keys(DATABASE_FAILURES).map(kind => reasonOf(kind as FailureKind))

    t.strictSame([...new Set(reasons)].sort(), ['refused', 'tooManyConnections', 'unreachable', 'waking'])
  })
})

t.test('a doubt of the schema', async t => {
  const connected = (isOnly: boolean): PoolEvent => ({ type: 'connected', durationMs: 1, isOnly })
  const doubtsOf = (...events: PoolEvent[]) => events.map(createSchemaDoubts())

  t.test('is cast by the connection behind one that was lost, and by it alone', async t => {
    for (const type of ['idle-client-lost', 'checked-out-client-lost'] as const)
      t.strictSame(doubtsOf({ type, failure: failure('lost') }, connected(false), connected(false)), [
        undefined,
        'changed',
        undefined
      ])
  })

  t.test('is cast by the first connection of a pool that had none', async t => {
    t.strictSame(doubtsOf(connected(true), connected(false)), ['unwatched', undefined])
  })

  t.test('is cast by what a statement names and cannot use', async t => {
    t.strictSame(doubtsOf({ type: 'object-unusable', sqlState: '42P01' }), ['changed'])
  })

  t.test('is taken up by whoever uses the database', async t => {
    t.strictSame(doubtsOf({ type: 'checked-out', waitedMs: 1 }, { type: 'clients-evicted', count: 1 }), [
      'in-use',
      undefined
    ])
  })
})
