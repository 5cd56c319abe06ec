import t from 'tap'
import type { Compute } from '../../src/local/compute.ts'
import type { Superuser } from '../../src/local/postgres/superuser.ts'
import { createRoles } from '../../src/local/roles.ts'

const SALT = Buffer.from('salt')
const VERIFIER = `SCRAM-SHA-256$4096:${SALT.toString('base64')}$${btoa('stored')}:${btoa('server')}`

t.test('roles', async t => {
  t.test('are asked of a Postgres that runs, each time', async t => {
    const { roles, answer } = withCompute('awake')

    answer.rows = [['alice', VERIFIER]]
    t.match(await roles.verifierOf('alice'), { iterations: 4096, salt: SALT })
    answer.rows = []

    t.equal(await roles.verifierOf('alice'), undefined)
  })

  t.test('are remembered while the compute sleeps, and while Postgres cannot answer', async t => {
    const { roles, answer, compute } = withCompute('awake')
    answer.rows = [['alice', VERIFIER]]
    await roles.refresh(answer)

    compute.state = 'asleep'
    t.match(await roles.verifierOf('alice'), { iterations: 4096 })
    compute.state = 'awake'
    answer.query = () => Promise.reject(new Error('in recovery'))
    t.match(await roles.verifierOf('alice'), { iterations: 4096 })

    t.equal(await roles.verifierOf('bob'), undefined)
  })
})

function withCompute(state: Compute['state']) {
  const answer: Superuser & { rows: string[][] } = {
    rows: [],
    query: async () => answer.rows,
    end: () => {}
  }
  const compute = { state, running: { superuser: answer } }
  return { roles: createRoles(() => compute as unknown as Compute), answer, compute }
}
