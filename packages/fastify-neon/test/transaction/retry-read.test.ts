import t from 'tap'
import { DatabaseFailure } from '../../src/errors/failure.ts'
import { retryRead } from '../../src/transaction/retry-read.ts'

/** Fails with these, one after the other, and then succeeds. */
function reading(...failures: Error[]) {
  let reads = 0
  return {
    read: async () => {
      const failure = failures[reads]
      reads += 1
      if (failure) throw failure
      return 'rows'
    },
    reads: () => reads
  }
}

const lost = () => new DatabaseFailure('lost')

t.test('a read', async t => {
  t.test('is read again when the link was lost in it', async t => {
    const { read, reads } = reading(lost(), lost())

    t.equal(await retryRead(read), 'rows')
    t.equal(reads(), 3)
  })

  t.test('is given up when the link is lost every time', async t => {
    const { read, reads } = reading(lost(), lost(), lost(), lost())

    await t.rejects(retryRead(read), { code: 'FST_NEON_CONNECTION_LOST' })
    t.equal(reads(), 3)
  })

  t.test('is read once when it failed for another reason', async t => {
    const { read, reads } = reading(new DatabaseFailure('timeout'))

    await t.rejects(retryRead(read), { code: 'FST_NEON_STATEMENT_TIMEOUT' })
    t.equal(reads(), 1)
  })
})
