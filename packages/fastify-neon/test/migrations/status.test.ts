import t from 'tap'
import { exitCodeOf } from '../../src/migrations/findings.ts'
import { type Compared, compareMigrations } from '../../src/migrations/status.ts'

const file = (name: string, when: number) => ({ name, when, hashes: new Set([`hash of ${name}`]) })
const row = (name: string, createdAt: number) => ({ createdAt, hash: `hash of ${name}` })

const A = file('a', 1)
const B = file('b', 2)
const C = file('c', 3)

/** As folders of Drizzle 1.0, a second apart. */
const folder = (name: string, second: number, hashes = new Set([`hash of ${name}`])) => ({
  name,
  when: second * 1000,
  hashes,
  hasFolder: true as const
})
const F = folder('f', 1)
const G = folder('g', 2)
const H = folder('h', 3)
/** Of a ledger of 1.0; null where 0.x wrote the row. */
const named = (name: string, createdAt: number, stored: string | null = name) => ({
  ...row(name, createdAt),
  name: stored
})

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
    title: 'folders that a ledger of 0.x has by the second',
    files: [F, G],
    rows: [row('f', 1999), row('another text', 2000)],
    status: { applied: ['f', 'g'], unknown: 0 },
    exitCode: 14
  },
  {
    title: 'folders of one second that a ledger of 0.x has by the hash',
    files: [F, folder('f2', 1), folder('f3', 1)],
    rows: [row('f3', 1001), row('f', 1002)],
    status: { applied: ['f', 'f3'], pending: ['f2'], unknown: 0 },
    exitCode: 15
  },
  {
    title: 'a folder that a ledger of 0.x has at another time',
    files: [F],
    rows: [row('f', 77_000)],
    status: { applied: ['f'], findings: [] },
    exitCode: 0
  },
  {
    title: 'a ledger of 0.x with a row of no folder, and one that is pending',
    files: [F, G],
    rows: [row('f', 1000), row('x', 7000)],
    status: {
      pending: ['g'],
      unknown: 1,
      findings: [{ kind: 'shared-ledger' }, { kind: 'unmatched', migration: 'g' }]
    } as never,
    exitCode: 23
  },
  {
    title: 'a ledger of 0.x with a row of no folder, and none that is pending',
    files: [F],
    rows: [row('f', 1000), row('x', 7000)],
    status: { pending: [], unknown: 1, findings: [{ kind: 'unmatched', migration: 'f' }] } as never,
    exitCode: 27
  },
  {
    title: 'a ledger of 0.x and an empty folder',
    files: [],
    rows: [row('f', 1000)],
    status: { unknown: 1, findings: [] },
    exitCode: 0
  },
  {
    title: 'folders by their names, whatever time and second the rows have',
    files: [F, G],
    rows: [named('f', 2000), named('g', 9000)],
    status: { applied: ['f', 'g'], findings: [] },
    exitCode: 0
  },
  {
    title: 'a folder that is older than the newest applied',
    files: [F, G, H],
    rows: [named('f', 1000), named('h', 3000)],
    status: { pending: ['g'] },
    exitCode: 15
  },
  {
    title: 'a folder that was renamed after it was applied',
    files: [F],
    rows: [named('f', 1000, 'before')],
    status: { applied: ['f'], findings: [{ message: /its folder was renamed after/ }] } as never,
    exitCode: 25
  },
  {
    title: 'a folder whose row 0.x has written to a ledger of 1.0',
    files: [F],
    rows: [named('f', 1999, null)],
    status: { applied: ['f'], findings: [{ message: /its row in the ledger has no name/ }] } as never,
    exitCode: 25
  },
  {
    title: 'a ledger of 1.0 that is ahead of the folders',
    files: [F],
    rows: [named('f', 1000), named('g', 2000)],
    status: { applied: ['f'], unknown: 1, isAhead: true, findings: [] },
    exitCode: 0
  },
  {
    title: 'a folder in the middle of which a run stopped',
    files: [F, folder('f2', 1)],
    progress: [{ createdAt: 1000, name: 'f2', hash: '', doneHash: undefined, done: 1, isBegun: true }],
    status: { findings: [{ kind: 'pending' }, {}, { kind: 'interrupted', migration: 'f2' }] } as never,
    exitCode: 16
  },
  {
    title: 'a folder in the middle of which a run of 0.x stopped, and that was corrected since',
    files: [F, G],
    progress: [{ createdAt: 1999, hash: '', doneHash: undefined, done: 1, isBegun: true }],
    status: {
      findings: [{}, { kind: 'restamped', message: /its folder was renamed since/ }, { kind: 'pending' }]
    } as never,
    exitCode: 25
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
