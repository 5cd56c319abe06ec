import { join } from 'node:path'
import t from 'tap'
import { BackendRefusal, openBackend } from '../../src/postgres/backend.ts'
import { authentication, int32, message, proxyError } from '../../src/protocol/messages.ts'
import { folder, until } from '../fixtures/sandbox.ts'
import { ready, scriptedPostgres, welcome } from '../fixtures/scripted-postgres.ts'

const PARAMETERS = [
  ['user', 'alex'],
  ['database', 'shop']
] as const

t.test('a login at the compute', async t => {
  t.test('passes on what Postgres says behind its AuthenticationOk, and knows the backend', async t => {
    const status = message(0x53, 'TimeZone\0GMT\0')
    const key = message(0x4b, int32(4711), int32(99))
    const postgres = await scriptedPostgres(t, undefined, socket =>
      socket.write(Buffer.concat([authentication(0), status, key, ready()]))
    )

    const backend = await openBackend(postgres.socketPath, PARAMETERS)

    t.teardown(() => backend.socket.destroy())
    t.strictSame(backend.greeting, Buffer.concat([status, key, ready()]))
    t.equal(backend.processId, 4711)
    t.strictSame(postgres.sessions, [{ user: 'alex', database: 'shop' }])
  })

  t.test('is refused in the words of Postgres', async t => {
    const { socketPath, open } = await scriptedPostgres(t, undefined, socket =>
      socket.write(proxyError('database "shop" does not exist'))
    )

    await t.rejects(openBackend(socketPath, PARAMETERS), new BackendRefusal('database "shop" does not exist'))
    await until('the connection is gone', () => open.size === 0)
  })

  t.test('is refused without words', async t => {
    const { socketPath } = await scriptedPostgres(t, undefined, socket => socket.write(message(0x45, '\0')))

    await t.rejects(openBackend(socketPath, PARAMETERS), { name: 'BackendRefusal', message: 'no message' })
  })

  t.test('fails when Postgres disconnects in the middle', async t => {
    const { socketPath } = await scriptedPostgres(t, undefined, socket => socket.end(authentication(0)))

    await t.rejects(openBackend(socketPath, PARAMETERS), { name: 'ProtocolError' })
  })

  t.test('fails with the error of the socket when nobody listens', async t => {
    const nobody = join(await folder(t), 's')

    await t.rejects(openBackend(nobody, PARAMETERS), { code: 'ENOENT' })
  })

  t.test('outlives a session that breaks later', async t => {
    const { socketPath, open } = await scriptedPostgres(t, undefined, welcome)
    const { socket } = await openBackend(socketPath, PARAMETERS)

    socket.destroy(new Error('broken'))

    await until('the connection is gone', () => open.size === 0)
    t.pass('nothing is thrown')
  })
})
