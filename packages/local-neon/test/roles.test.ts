import t from 'tap'
import type { Compute } from '../src/compute.ts'
import { createSuperuser } from '../src/postgres/superuser.ts'
import { createRoles } from '../src/roles.ts'
import { fakeCompute } from './fixtures/fake-compute.ts'

const ALEX = ['alex', 'SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5']
const CHANGED = ['alex', 'SCRAM-SHA-256$8192:c2FsdA==$a2V5:a2V5']

t.test('the passwords', async t => {
  t.test('are those that Postgres has now, while it is awake', async t => {
    const { compute, answerWith } = await fakeCompute(t)
    const roles = createRoles(() => compute)
    await compute.wake()
    answerWith(() => [ALEX])
    const before = await roles.verifierOf('alex')

    answerWith(() => [CHANGED])

    t.equal(before?.iterations, 4096)
    t.equal((await roles.verifierOf('alex'))?.iterations, 8192)
  })

  t.test('are asked for without those of the superuser', async t => {
    const { compute, statements } = await fakeCompute(t)
    const roles = createRoles(() => compute)
    await compute.wake()

    await roles.verifierOf('cloud_admin')

    t.match(statements, [/FROM pg_authid WHERE rolpassword <> '' AND rolname <> 'cloud_admin'/])
  })

  t.test('are none for a role that there is not, or that has none of this kind', async t => {
    const { compute, answerWith } = await fakeCompute(t)
    const roles = createRoles(() => compute)
    await compute.wake()
    answerWith(() => [ALEX, ['sam', 'md5a3556571e93b0d20722ba62be61e8c2d'], []])

    t.equal(await roles.verifierOf('sam'), undefined)
    t.equal(await roles.verifierOf('nobody'), undefined)
  })

  t.test('are none that has gone', async t => {
    const { compute, answerWith } = await fakeCompute(t)
    const roles = createRoles(() => compute)
    await compute.wake()
    answerWith(() => [ALEX])
    await roles.verifierOf('alex')

    answerWith(() => [])

    t.equal(await roles.verifierOf('alex'), undefined)
  })

  t.test('are known while the compute sleeps, and wake nobody', async t => {
    const { compute, answerWith } = await fakeCompute(t, {
      onSuspending: superuser => roles.refresh(superuser)
    })
    const roles = createRoles(() => compute)
    await compute.wake()
    answerWith(() => [ALEX])
    await compute.suspend()

    const verifier = await roles.verifierOf('alex')

    t.equal(verifier?.iterations, 4096)
    t.equal(compute.state, 'asleep')
  })

  t.test('are those that were known when Postgres cannot say', async t => {
    const { compute, answerWith } = await fakeCompute(t)
    const roles = createRoles(() => compute)
    await compute.wake()
    answerWith(() => [ALEX])
    await roles.verifierOf('alex')

    answerWith(() => new Error('the database system is in recovery mode'))

    t.equal((await roles.verifierOf('alex'))?.iterations, 4096)
  })

  t.test('are not asked for while Postgres goes down', async t => {
    const { compute, statements } = await fakeCompute(t)
    const { postgres } = await compute.wake()
    const superuser = createSuperuser(postgres.socketPath)
    const goingDown = { state: 'suspending', running: { postgres, superuser } } as unknown as Compute

    const verifier = await createRoles(() => goingDown).verifierOf('alex')

    t.equal(verifier, undefined)
    t.strictSame(statements, [])
  })
})
