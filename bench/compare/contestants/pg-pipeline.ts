/**
 * `pg` with its pipeline, over TCP: its pool checks out a client to one query at a time, so the statements take
 * turns on clients that nobody has checked out. A transaction has a client of the pool, as with `pg` itself.
 */
import pg from 'pg'
import { textWorks } from '../works.ts'
import type { Contestant, ContestantOptions } from './contestant.ts'
import { createPool } from './pg.ts'
import { transactionOn } from './text-transaction.ts'

export async function open(options: ContestantOptions): Promise<Contestant> {
  const { url, max } = options
  const pool = createPool(options)
  const clients = Array.from(
    { length: max },
    () => new pg.Client({ connectionString: url, ...{ pipeline: true } })
  )
  // Without a listener the end of a connection would end the process.
  for (const client of clients) client.on('error', () => {})
  await Promise.all(clients.map(client => client.connect()))
  let turn = 0
  const works = textWorks({
    query: (text, values) => clientFor(turn++).query(text, values),
    transaction: work => transactionOn(pool, work)
  })
  return { works, close }

  function clientFor(number: number): pg.Client {
    const client = clients[number % clients.length]
    if (!client) throw new RangeError('there is no client')
    return client
  }

  async function close() {
    await Promise.all([pool.end(), ...clients.map(client => client.end())])
  }
}
