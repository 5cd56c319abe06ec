/**
 * The types of the package in another backend, with each Drizzle that is promised.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from '../support/processes.ts'
import { temporaryPath } from '../support/temporary-folder.ts'

const execute = promisify(execFile)
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')

const TABLES = `
import { eq, sql } from 'drizzle-orm'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import fastify from 'fastify'
import db, { type ClaimedDatabase, type RegisteredSchema } from 'fastify-neon/db'

const authors = pgTable('authors', { id: integer('id').primaryKey(), name: text('name').notNull() })
const books = pgTable('books', {
  id: integer('id').primaryKey(),
  title: text('title').notNull(),
  authorId: integer('author_id').notNull()
})
const app = fastify()
const connectionString = ''
`

/** What is written in the same way for each. */
const USE = `
const [book] = await app.db.query.books.findMany({ with: { author: true } })
export const title: string | undefined = book?.title
export const author: string | undefined = book?.author?.name
// @ts-expect-error There is no such column.
export const none = book?.none

export const alice: ClaimedDatabase<RegisteredSchema> = app.db.$withClaims({ 'app.user_id': 'alice' }, { readOnly: true })
export const counted: number = await alice.transaction(
  async tx => {
    await tx.insert(books).values({ id: 1, title: 'x', authorId: 1 })
    const found = await tx.transaction(inner => inner.query.authors.findFirst({ with: { books: true } }))
    const names: string | undefined = found?.books[0]?.title
    return names === undefined ? 0 : tx.$count(books)
  },
  { retry: 3, isolationLevel: 'serializable', timeoutMs: 10, trackCommitOutcome: true }
)
// @ts-expect-error There is no such limit.
await app.db.transaction(async () => {}, { tries: 3 })
const [inserted, rows] = await alice.$batch(each => [
  each.insert(books).values({ id: 1, title: 'x', authorId: 1 }).returning({ id: books.id }),
  each.select().from(authors).where(eq(authors.id, 1))
])
export const id: number | undefined = inserted[0]?.id
export const name: string | undefined = rows[0]?.name
export const { rowCount } = await app.db.delete(books)
export const one = (await app.db.execute<{ one: number }>(sql\`select 1 as one\`)).rows[0]?.one
export const prepared: Promise<{ title: string }[]> = app.db
  .select({ title: books.title })
  .from(books)
  .where(eq(books.id, sql.placeholder('id')))
  .prepare('by_id')
  .execute({ id: 1 })
export const { rows: plain } = await app.db.$client.query('select 1')
`

const WITH_SCHEMA = `${TABLES}
import { relations } from 'drizzle-orm'
const schema = {
  authors,
  books,
  ofAuthors: relations(authors, ({ many }) => ({ books: many(books) })),
  ofBooks: relations(books, ({ one }) => ({ author: one(authors, { fields: [books.authorId], references: [authors.id] }) }))
}
declare module 'fastify-neon/db' {
  interface Register { schema: typeof schema }
}
await app.register(db, { connectionString, schema, casing: 'snake_case', logger: true, max: 5 })
// @ts-expect-error The tables are needed, since the types promise them.
await app.register(db, { connectionString })
// @ts-expect-error Of Drizzle 1.0.
await app.register(db, { connectionString, schema, jit: true })
${USE}`

const WITH_RELATIONS = `${TABLES}
import { defineRelations } from 'drizzle-orm'
const relations = defineRelations({ authors, books }, r => ({
  authors: { books: r.many.books() },
  books: { author: r.one.authors({ from: r.books.authorId, to: r.authors.id }) }
}))
declare module 'fastify-neon/db' {
  interface Register { relations: typeof relations }
}
await app.register(db, { connectionString, relations, jit: true, paramsInErrors: true, logger: true, max: 5 })
// @ts-expect-error The tables are needed, since the types promise them.
await app.register(db, { connectionString })
// @ts-expect-error Of Drizzle 0.4x.
await app.register(db, { connectionString, relations, casing: 'snake_case' })
export const filtered = await app.db.query.books.findMany({ where: { author: { name: 'Ada' } }, orderBy: { title: 'asc' } })
await app.db.transaction(async () => {}, { isolationLevel: 'repeatable read', snapshot: '00000003-0000001B-1' })
${USE}`

const WITHOUT_TABLES = `
import fastify from 'fastify'
import db from 'fastify-neon/db'
const app = fastify()
await app.register(db, { connectionString: '', role: 'app_user', claims: ['app.user_id'] })
await app.db.execute('select 1')
// @ts-expect-error It was told of no tables.
app.db.query.books
`

const folder = await mkdtemp(temporaryPath('types'))
t.teardown(() => rm(folder, { recursive: true }))
await execute(
  process.execPath,
  [TSC, '-p', 'packages/fastify-neon', '--emitDeclarationOnly', '--outDir', `${folder}/dist`],
  { cwd: ROOT }
)

for (const [name, source] of [
  ['drizzle-orm-0.44', WITH_SCHEMA],
  ['drizzle-orm', WITH_SCHEMA],
  ['drizzle-orm-1', WITH_RELATIONS]
] as const)
  t.test(`the types of fastify-neon are those of ${name}`, async t => {
    const project = join(folder, name)
    await makeProject(project, name)
    await writeFile(join(project, 'tables.ts'), source)
    await writeFile(join(project, 'none.ts'), WITHOUT_TABLES)

    // Without skipLibCheck the compiler looks at all that it looks at with it, and at our types besides.
    const [ofTables, ofNone] = await Promise.all([
      problemsOf(project, { file: 'tables.ts', skipLibCheck: false }),
      problemsOf(project, { file: 'none.ts', skipLibCheck: true })
    ])
    t.strictSame(ofTables, [])
    t.strictSame(ofNone, [])
  })

/** A backend that has Fastify, the driver, this package and this Drizzle. */
async function makeProject(project: string, drizzle: string): Promise<void> {
  const modules = join(project, 'node_modules')
  await mkdir(join(modules, '@neondatabase'), { recursive: true })
  await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module' }))
  await cp(join(folder, 'dist'), join(modules, 'fastify-neon', 'dist'), { recursive: true })
  await cp(join(ROOT, 'packages/fastify-neon/package.json'), join(modules, 'fastify-neon', 'package.json'))
  for (const [name, target] of [
    ['drizzle-orm', drizzle],
    ...['fastify', '@neondatabase/serverless', '@fastify', '@types', '@sinclair', 'prom-client', 'ws'].map(
      name => [name, name] as const
    )
  ] as const) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(ROOT, 'node_modules', target), join(modules, name))
  }
}

/** What the compiler says of this file and of our types. Drizzle's own types have errors of their own. */
async function problemsOf(
  project: string,
  { file, skipLibCheck }: { file: string; skipLibCheck: boolean }
): Promise<string[]> {
  const flags = ['--module', 'NodeNext', '--target', 'ES2023', '--strict', '--noEmit', '--types', 'node']
  const said: string = await execute(
    process.execPath,
    [TSC, ...flags, '--skipLibCheck', String(skipLibCheck), file],
    { cwd: project }
  ).then(
    () => '',
    error => {
      if (!error.stdout) throw error
      return error.stdout
    }
  )
  return said.split('\n').filter(line => /^(?:tables|none|node_modules\/fastify-neon\/)/.test(line))
}
