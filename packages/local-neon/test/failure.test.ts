import t from 'tap'
import { LocalNeonError, systemCode } from '../src/failure.ts'

t.test('local neon failure', async t => {
  t.test('keeps code, message and cause', async t => {
    const cause = new Error('origin')

    const error = new LocalNeonError('LOCAL_NEON_UNSUPPORTED', 'not here', { cause })

    t.match(error, { name: 'LocalNeonError', code: 'LOCAL_NEON_UNSUPPORTED', message: 'not here', cause })
  })

  t.test('reads the code of a system error and of nothing else', async t => {
    t.equal(systemCode(Object.assign(new Error('gone'), { code: 'ENOENT' })), 'ENOENT')
    t.equal(systemCode(Object.assign(new Error('odd'), { code: 7 })), undefined)
    t.equal(systemCode(new Error('plain')), undefined)
    t.equal(systemCode('ENOENT'), undefined)
  })
})
