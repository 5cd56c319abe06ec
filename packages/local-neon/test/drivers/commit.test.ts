/**
 * A COMMIT that is lost on its way, or whose acknowledgement is: for the client both look the
 * same, and for the data they are opposites.
 */
import t from 'tap'
import { connectPg, DRIVERS } from '../fixtures/drivers.ts'
import { start } from '../fixtures/sandbox.ts'

const neon = await start(t)
const watcher = await connectPg(t, neon.url)
await watcher.query('CREATE TABLE written (name text)')

for (const { name, connect } of DRIVERS) {
  t.test(`a COMMIT through ${name}`, async t => {
    t.test('is gone with its work when the request is lost', async t => {
      const row = `${name}: request`
      const client = await connect(t, neon.url)
      const fault = neon.inject({ type: 'commit', lose: 'request', times: 1 })
      await client.query('BEGIN')
      await client.query('INSERT INTO written VALUES ($1)', [row])

      await t.rejects(client.query('COMMIT'))

      t.strictSame(await rowsNamed(row), [])
      t.equal(fault.hits, 1)
      fault.remove()
    })

    t.test('has taken effect when only the acknowledgement is lost', async t => {
      const row = `${name}: acknowledgement`
      const client = await connect(t, neon.url)
      const fault = neon.inject({ type: 'commit', lose: 'acknowledgement', times: 1 })
      await client.query('BEGIN')
      await client.query('INSERT INTO written VALUES ($1)', [row])

      await t.rejects(client.query('COMMIT'))

      t.strictSame(await rowsNamed(row), [{ name: row }])
      t.equal(fault.hits, 1)
      fault.remove()
    })

    t.test('is found in any case and with words behind it', async t => {
      for (const word of ['commit', '  End', 'COMMIT AND CHAIN']) {
        const client = await connect(t, neon.url)
        const fault = neon.inject({ type: 'commit', lose: 'request', times: 1 })
        await client.query('BEGIN')

        await t.rejects(client.query(word), word)

        fault.remove()
      }
    })

    t.test('is found in the extended protocol', async t => {
      const client = await connect(t, neon.url)
      const fault = neon.inject({ type: 'commit', lose: 'request', times: 1 })
      await client.query('BEGIN')

      await t.rejects(client.query({ name: 'the end', text: 'COMMIT' }))

      t.equal(fault.hits, 1)
      fault.remove()
    })

    t.test('of nobody else is met', async t => {
      const fault = neon.inject({ type: 'commit', lose: 'request', where: { applicationName: 'other' } })
      const client = await connect(t, neon.url)

      await client.query('BEGIN')
      await client.query('COMMIT')
      await client.query('ROLLBACK')
      await client.query("SELECT 'commit'")

      t.equal(fault.hits, 0)
      fault.remove()
    })
  })
}

async function rowsNamed(name: string) {
  return (await watcher.query('SELECT name FROM written WHERE name = $1', [name])).rows
}
