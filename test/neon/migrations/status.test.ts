import t from 'tap'
import { exitCodeOf } from '../../../src/neon/migrations/findings.ts'
import { type Compared, compareMigrations } from '../../../src/neon/migrations/status.ts'

const file = (name: string, when: number) => ({ name, when, hashes: new Set([`hash of ${name}`]) })
const row = (name: string, createdAt: number) => ({ createdAt, hash: `hash of ${name}` })

const A = file('a', 1)
const B = file('b', 2)
const C = file('c', 3)

interface Row extends Partial<Omit<Compared, 'journal'>> {
  title: string
  journal?: Compared['journal']
  status: Partial<ReturnType<typeof compareMigrations>>
  exitCode: number
}

const rows: Row[] = [
  { title: 'nothing applied', files: [A, B], status: { pending: ['a', 'b'] }, exitCode: 21 },
  {
    title: 'all applied',
    files: [A, B],
    rows: [row('a', 1), row('b', 2)],
    status: { applied: ['a', 'b'], pending: [], findings: [] },
    exitCode: 0
  },
  {
    title: 'one that is older than the newest applied',
    files: [A, B, C],
    rows: [row('a', 1), row('c', 3)],
    status: { applied: ['a', 'c'], pending: ['b'] },
    exitCode: 15
  },
  {
    title: 'a file that was changed',
    files: [A],
    rows: [row('something else', 1)],
    status: { applied: ['a'] },
    exitCode: 14
  },
  {
    title: 'a file that is gone, of one that is applied',
    journal: [{ name: 'a', when: 1 }],
    files: [],
    rows: [row('a', 1)],
    status: { applied: ['a'], findings: [] },
    exitCode: 0
  },
  {
    title: 'a file that is gone, of one that is not applied',
    journal: [{ name: 'a', when: 1 }],
    files: [],
    rows: [row('x', 0)],
    status: { pending: ['a'], unknown: 1 },
    exitCode: 21
  },
  {
    title: 'a time that was changed after it was applied',
    files: [file('a', 5)],
    rows: [row('a', 1)],
    status: { applied: ['a'], pending: [], unknown: 0 },
    exitCode: 25
  },
  {
    title: 'one row for two files of one content',
    files: [file('a', 5), { ...file('b', 6), hashes: file('a', 5).hashes }],
    rows: [row('a', 1)],
    status: { applied: ['a'], pending: ['b'], unknown: 0 },
    exitCode: 25
  },
  {
    title: 'two of one time, of which one is applied',
    files: [A, { ...B, when: 1 }],
    rows: [row('a', 1)],
    status: { applied: ['a'], pending: ['b'] },
    exitCode: 21
  },
  {
    title: 'two of one time, whose files are gone',
    journal: [A, { ...B, when: 1 }],
    files: [],
    rows: [row('a', 1)],
    status: { applied: [], pending: ['a', 'b'] },
    exitCode: 21
  },
  {
    title: 'a database that is ahead',
    files: [A],
    rows: [row('a', 1), row('b', 2)],
    status: { applied: ['a'], unknown: 1, isAhead: true, findings: [] },
    exitCode: 0
  },
  {
    title: 'rows of another folder between its own',
    files: [A, B, C],
    rows: [row('a', 1), row('x', 4)],
    status: { applied: ['a'], pending: ['b', 'c'], isAhead: true },
    exitCode: 23
  },
  {
    title: 'one that was applied with a time ahead of those that follow',
    files: [A, { ...B, when: 9 }, C],
    rows: [row('a', 1), row('b', 9)],
    status: { applied: ['a', 'b'], pending: ['c'] },
    exitCode: 21
  },
  {
    title: 'two rows of one migration',
    files: [A],
    rows: [row('a', 1), row('a', 1)],
    status: { applied: ['a'], unknown: 0, findings: [{ kind: 'doubled' }] } as never,
    exitCode: 26
  },
  {
    title: 'one that stopped in the middle',
    files: [A],
    progress: [{ createdAt: 1, hash: 'hash of a', doneHash: undefined, done: 1, isBegun: true }],
    status: { pending: ['a'] },
    exitCode: 16
  },
  {
    title: 'one that stopped in the middle, and has another time',
    files: [A],
    progress: [{ createdAt: 5, hash: 'hash of a', doneHash: undefined, done: 1, isBegun: true }],
    status: { pending: ['a'] },
    exitCode: 25
  },
  {
    title: 'two of one content, of which one stopped in the middle',
    files: [A, { ...B, hashes: A.hashes }],
    progress: [{ createdAt: 1, hash: 'hash of a', doneHash: undefined, done: 1, isBegun: true }],
    status: { pending: ['a', 'b'], findings: [{}, { kind: 'interrupted' }, { kind: 'pending' }] } as never,
    exitCode: 16
  },
  {
    title: 'one that stopped in the middle, and is gone',
    journal: [{ name: 'a', when: 1 }],
    files: [],
    progress: [{ createdAt: 1, hash: 'hash of a', doneHash: undefined, done: 1, isBegun: true }],
    status: { pending: ['a'] },
    exitCode: 16
  }
]

t.test('ledger and folder', async t => {
  for (const { title, files = [], journal = files, status, exitCode, ...rest } of rows) {
    t.test(`with ${title}`, async t => {
      const found = compareMigrations({ rows: [], progress: [], journal, files, ...rest })

      t.match(found, status)
      t.equal(exitCodeOf(found.findings), exitCode)
    })
  }
})
