import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { addressOf, takenPort } from '../../dev/port.ts'

t.test('the port of the service', async t => {
  t.test('is taken when another process listens there', async t => {
    const PORT = await takePort(t, '127.0.0.1')

    t.equal(await takenPort({ PORT }), PORT)
    t.equal(await takenPort({ PORT, HOST: '' }), PORT)
    t.equal(await takenPort({ PORT, HOST: '127.0.0.1' }), PORT)
  })

  t.test('is free when nobody does, and is free again afterwards', async t => {
    t.equal(await takenPort({ PORT: '0' }), undefined)
    const server = createServer()
    const PORT = await takePort(t, '127.0.0.1', server)
    server.close()
    await once(server, 'close')

    t.equal(await takenPort({ PORT }), undefined)
    t.equal(await takenPort({ PORT }), undefined)
  })

  t.test('is 3000 when nothing is set', async t => {
    for (const settings of [{}, { PORT: '', HOST: '' }])
      t.strictSame(addressOf(settings), { host: '127.0.0.1', port: '3000' })
  })

  t.test('is left to the service to refuse when it is none', async t => {
    for (const PORT of ['many', '-1', '65536', '3000.5']) t.equal(await takenPort({ PORT }), undefined)
    t.equal(await takenPort({ PORT: '0', HOST: '203.0.113.1' }), undefined)
  })
})

async function takePort(t: Test, host: string, server = createServer()): Promise<string> {
  server.listen({ host, port: 0 })
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  return `${typeof address === 'object' && address?.port}`
}
