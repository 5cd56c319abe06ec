/**
 * Paths of a schema mean what they mean to drizzle-kit.
 */
import { relative } from 'node:path'
import t from 'tap'
import { schemaFiles } from '../src/schema-files.ts'

t.test('the files of a schema', async t => {
  const root = t.testdir({
    'one.ts': '',
    'readme.md': '',
    tables: {
      'a.ts': '',
      'a.d.ts': '',
      'b.js': '',
      'notes.md': '',
      more: { 'c.ts': '', 'd.mjs': '' },
      node_modules: { 'e.ts': '' }
    }
  })
  const found = (...paths: string[]) => schemaFiles(paths, root).map(file => relative(root, file))

  t.test('are a file, or those of a folder without the folders in it', async t => {
    t.strictSame(found('./one.ts'), ['one.ts'])
    t.strictSame(found('tables'), ['tables/a.ts', 'tables/b.js'])
  })

  t.test('are what a glob matches, each once', async t => {
    t.strictSame(found('./tables/**/*.ts'), ['tables/a.ts', 'tables/more/c.ts'])
    t.strictSame(found('*.ts'), ['one.ts'])
    t.strictSame(found('tables/{a,b}.*', 'tables/a.ts', 'one.ts'), ['one.ts', 'tables/a.ts', 'tables/b.js'])
    t.strictSame(found('tab*'), ['tables/a.ts', 'tables/b.js'])
  })

  t.test('are missed when a path has none', async t => {
    for (const path of ['two.ts', 'readme.md', 'tables/*.sql', 'nowhere/*.ts'])
      t.throws(() => found('one.ts', path), { message: `there is no file of the schema at ${path}` })
  })
})
