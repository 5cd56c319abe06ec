import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { type CursorList, decodeCursor, encodeCursor } from '../../src/routes/task-cursor.ts'
import { MAX_CURSOR_LENGTH } from '../../src/routes/task-schemas.ts'

const ID = '11111111-2222-4333-8444-555555555555'
const MOMENT = new Date('2026-01-01T00:00:00.123Z')

const byTitle: CursorList = { owner: 'alice', order: { by: 'title', isDescending: false } }
const byMoment: CursorList = {
  owner: 'alice',
  order: { by: 'createdAt', isDescending: true },
  done: true,
  search: 'x'
}

const taskOf = (title: string) => ({
  id: ID,
  owner: 'alice',
  title,
  notes: '',
  done: false,
  createdAt: MOMENT,
  updatedAt: MOMENT,
  version: 1
})

/** What anybody can make who has read the source. */
function forge({ owner, order, done, search }: CursorList, position: string): string {
  const text = JSON.stringify([owner, order.by, order.isDescending, done ?? null, search ?? null, position])
  const digest = createHash('sha256').update(text).digest().subarray(0, 16)
  return Buffer.concat([digest, Buffer.from(position)]).toString('base64url')
}

t.test('a cursor', async t => {
  t.test('comes back as the position it was made of', async t => {
    t.strictSame(decodeCursor(byMoment, encodeCursor(byMoment, taskOf('x'))), { id: ID, value: MOMENT })
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).filter(isStorable), title => {
        t.strictSame(decodeCursor(byTitle, encodeCursor(byTitle, taskOf(title))), { id: ID, value: title })
      })
    )
  })

  t.test('of the longest title fits the query', async t => {
    const cursor = encodeCursor(byTitle, taskOf('\u{1F600}'.repeat(200)))

    t.equal(cursor.length, MAX_CURSOR_LENGTH)
  })

  t.test('that was changed in any character is refused', async () => {
    const cursor = encodeCursor(byTitle, taskOf('water the plants'))
    const characters = [...'ABCXYZabcxyz0189-_']

    fc.assert(
      fc.property(fc.nat(cursor.length - 1), fc.constantFrom('', ...characters), (index, character) => {
        const changed = cursor.slice(0, index) + character + cursor.slice(index + 1)
        return changed === cursor || isRefused(byTitle, changed)
      })
    )
    fc.assert(fc.property(fc.base64String(), text => isRefused(byTitle, text)))
  })

  t.test('with the right digest is judged by what stands behind it', async t => {
    for (const position of [
      '',
      ID,
      `${ID.toUpperCase().replace('1', 'A')}1`,
      `${ID}-1`,
      `${ID}01`,
      `${ID}1.5`,
      `${ID}99999999999999`,
      `${ID}1x`,
      `x${ID}1`
    ]) {
      t.ok(isRefused(byMoment, forge(byMoment, position)), position)
    }
    for (const title of ['', 'a\u0000b', 'x'.repeat(201)]) {
      t.ok(isRefused(byTitle, forge(byTitle, `${ID}${title}`)), title)
    }
    t.notOk(isRefused(byMoment, forge(byMoment, `${ID}9999999999999`)))
  })
})

function isStorable(title: string) {
  return !title.includes('\u0000')
}

function isRefused(list: CursorList, cursor: string): boolean {
  try {
    decodeCursor(list, cursor)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'APP_CURSOR_INVALID'
  }
}
