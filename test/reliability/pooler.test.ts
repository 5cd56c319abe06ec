/**
 * A change of a table behind a real PgBouncer, under two services that are warm. Every kind of request under attack:
 * `test/soak/pooler.soak.ts`; with every login: `npm run test:by-hand`.
 */
import t from 'tap'
import { build } from '../support/app.ts'
import { NO_POOLER, openPooler } from '../support/pooler.ts'
import { administer, createDatabase } from '../support/postgres.ts'

t.test(
  'a change of a table fails no request of two services that are warm, behind a pooler',
  { skip: NO_POOLER },
  async t => {
    const url = await createDatabase(t)
    const pooler = await openPooler(t)
    const services = await Promise.all([1, 2].map(() => build(t, { DATABASE_URL: pooler.through(url) })))
    const everybody = async () => {
      const statuses: string[] = []
      for (let round = 0; round < 4; round += 1)
        for (const { as } of services)
          for (const [method, body, path] of [
            ['GET', undefined, '/tasks'],
            ['POST', { title: `${round}` }, '/tasks']
          ] as const) {
            const { status } = await as('alice')(method, path, body)
            statuses.push(`${method} ${status}`)
          }
      return [...new Set(statuses)]
    }
    const served = ['GET 200', 'POST 201']
    t.strictSame(await everybody(), served, 'warm')

    await administer('alter table tasks alter title type varchar(200)', url)
    t.strictSame(await everybody(), served, 'after ALTER TYPE')

    await administer('alter table tasks add more int', url)
    t.strictSame(await everybody(), served, 'after ADD COLUMN')
  }
)
