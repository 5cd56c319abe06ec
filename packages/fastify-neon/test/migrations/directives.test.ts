import t from 'tap'
import { readDirectives } from '../../src/migrations/files/directives.ts'

t.test('the directives of a migration', async t => {
  const rows: { line: string; read: Partial<ReturnType<typeof readDirectives>> }[] = [
    { line: '-- fastify-neon:no-transaction', read: { noTransaction: true } },
    { line: '  --fastify-neon:  no-transaction  \r', read: { noTransaction: true } },
    {
      line: '-- fastify-neon:allow drop-column: nobody has read it since March',
      read: { allowances: [{ hazard: 'drop-column', reason: 'nobody has read it since March', line: 2 }] }
    },
    {
      line: '-- fastify-neon:allow drop-column nobody reads it',
      read: { allowances: [{ hazard: 'drop-column', reason: 'nobody reads it', line: 2 }] }
    },
    {
      line: '-- fastify-neon:allow drop-column',
      read: { unknown: [{ text: 'allow drop-column', line: 2 }] }
    },
    { line: '-- fastify-neon:no-transactions', read: { unknown: [{ text: 'no-transactions', line: 2 }] } },
    { line: '-- fastify-neon is a package', read: {} },
    { line: "select '-- fastify-neon:no-transaction'", read: {} }
  ]
  for (const { line, read } of rows) {
    t.test(line.trim(), async t => {
      t.strictSame(readDirectives(`-- first\n${line}\nselect 1`), {
        noTransaction: false,
        allowances: [],
        unknown: [],
        ...read
      })
    })
  }
})
