import fc from 'fast-check'
import t from 'tap'
import { entityTag, isNamed, readIfMatch } from '../../src/routes/entity-tag.ts'

const MALFORMED = [
  '',
  ' ',
  '1',
  '"1',
  '1"',
  '"1" "2"',
  '"1",',
  ',',
  '"a b"',
  'w/"1"',
  'W/1',
  '*, "1"',
  '**',
  '"1",*'
]

t.test('If-Match', async t => {
  t.test('is a list of versions', async t => {
    t.strictSame(readIfMatch('"7"'), [7])
    t.strictSame(readIfMatch('"1", "2" ,\t"3"'), [1, 2, 3])
  })

  t.test('lets any version be met when it is missing or *', async t => {
    t.equal(readIfMatch(undefined), undefined)
    t.equal(readIfMatch('*'), undefined)
  })

  t.test('is met by nothing when no tag is one of ours', async t => {
    t.strictSame(
      readIfMatch('W/"1", "01", "0", "-1", "1.0", "", "x,y", "é", "2147483648", "99999999999"'),
      []
    )
  })

  for (const header of MALFORMED) {
    t.test(`is not ${JSON.stringify(header)}`, async t => {
      t.throws(() => readIfMatch(header), { code: 'APP_ETAG_INVALID', statusCode: 400 })
    })
  }

  t.test('is a list of versions or refused, and never anything else', async () => {
    const part = fc.constantFrom('"', 'W/', '1', ',', ' ', '*', '"2"', '\u00ff', '\u0100')
    fc.assert(
      fc.property(
        fc.array(part).map(parts => parts.join('')),
        header => {
          try {
            return (readIfMatch(header) ?? []).every(version => Number.isInteger(version))
          } catch (error) {
            return error instanceof Error && 'code' in error && error.code === 'APP_ETAG_INVALID'
          }
        }
      )
    )
  })
})

t.test('If-None-Match', async t => {
  const task = { version: 3 }

  t.test('names a task by its tag, weak or not, and by *', async t => {
    for (const header of ['"3"', 'W/"3"', '"2", "3"', '*']) t.ok(isNamed(header, task), header)
    for (const header of [undefined, '"2"', '"33"', '""']) t.notOk(isNamed(header, task), String(header))
    t.ok(isNamed(entityTag(task), task))
  })

  for (const header of MALFORMED) {
    t.test(`is not ${JSON.stringify(header)}`, async t => {
      t.throws(() => isNamed(header, task), { code: 'APP_ETAG_INVALID', statusCode: 400 })
    })
  }
})
