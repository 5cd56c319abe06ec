import t from 'tap'
import { localSettings } from '../../src/local/settings.ts'

t.test('the settings of the local Neon', async t => {
  t.test('put it into the project, at a port of its own', async t => {
    const { directory, port, systemDirectory } = localSettings({
      LOCAL_NEON_PORT: '',
      LOCAL_NEON_DIRECTORY: ''
    })

    t.match(directory, /\/\.local-neon$/)
    t.equal(port, 54_320)
    t.equal(systemDirectory, '/var/lib/fastify-neon')
  })

  t.test('move it', async t => {
    const moved = { LOCAL_NEON_DIRECTORY: '/a', LOCAL_NEON_PORT: '0', LOCAL_NEON_SYSTEM_DIRECTORY: '/b' }

    t.strictSame(localSettings(moved), { directory: '/a', port: 0, systemDirectory: '/b' })
  })

  t.test('are refused by name', async t => {
    for (const LOCAL_NEON_PORT of ['x', '-1', '65536', '1.5']) {
      t.throws(() => localSettings({ LOCAL_NEON_PORT }), { message: /^LOCAL_NEON_PORT must be/ })
    }
  })
})
