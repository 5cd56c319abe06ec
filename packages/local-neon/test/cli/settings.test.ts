import t from 'tap'
import { flagOf, localSettings } from '../../src/cli/settings.ts'

t.test('the settings of the local Neon', async t => {
  t.test('put it into the project, at a port of its own, with the defaults of Neon', async t => {
    const settings = localSettings({ LOCAL_NEON_PORT: '', LOCAL_NEON_DIRECTORY: '' })

    t.match(settings.directory, /\/\.local-neon$/)
    t.strictSame(
      { ...settings, directory: '' },
      { directory: '', port: 54_320, controlPort: 54_319, systemDirectory: '/var/lib/fastify-neon' }
    )
  })

  t.test('move it, and change how it sleeps and wakes', async t => {
    t.strictSame(
      localSettings({
        LOCAL_NEON_DIRECTORY: '/a',
        LOCAL_NEON_SYSTEM_DIRECTORY: '/b',
        LOCAL_NEON_PORT: '0',
        LOCAL_NEON_CONTROL_PORT: '1234',
        LOCAL_NEON_SUSPEND_AFTER_MS: '0',
        LOCAL_NEON_WAKE_DELAY_MS: '1',
        LOCAL_NEON_WAKE_JITTER_MS: '2',
        LOCAL_NEON_TLS: 'required'
      }),
      {
        directory: '/a',
        systemDirectory: '/b',
        port: 0,
        controlPort: 1234,
        suspendAfterMs: 0,
        wakeDelayMs: 1,
        wakeJitterMs: 2,
        tls: 'required'
      }
    )
  })

  t.test('are refused by name', async t => {
    for (const LOCAL_NEON_PORT of ['x', '-1', '65536', '1.5']) {
      t.throws(() => localSettings({ LOCAL_NEON_PORT }), { message: /^LOCAL_NEON_PORT must be/ })
    }
    t.throws(() => localSettings({ LOCAL_NEON_TLS: 'yes' }), {
      message: /^LOCAL_NEON_TLS must be one of off/
    })
  })

  t.test('have a flag each', async t => {
    t.equal(flagOf('LOCAL_NEON_SUSPEND_AFTER_MS'), 'suspend-after-ms')
  })
})
