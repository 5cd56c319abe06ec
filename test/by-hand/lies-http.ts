/**
 * A peer that lies, over HTTP: no user is shown a row of another, an empty list or a 404 for what there is, whatever
 * a peer sends at whatever point of its answers. `lies-http-unshared.ts` is the same with one after another.
 */
import t, { type Test } from 'tap'
import { lieEverywhere } from '../reliability/support/lies.ts'
import { type Lies, lieInLanes, MAX_PIPELINED } from '../reliability/support/lies-in-lanes.ts'
import { openFront } from '../reliability/support/tamper.ts'
import { build } from '../support/app.ts'
import { administer, createDatabase, readServer } from '../support/postgres.ts'

t.setTimeout(300_000)

lieInLanes(t, 'over HTTP, at every point of a pipeline', lieToUsers)

async function lieToUsers(t: Test, lies: Lies) {
  const front = await openFront(t, readServer())
  const url = await createDatabase(t)
  const { as } = await build(t, {
    DATABASE_URL: front.through(url),
    DATABASE_POOL_MAX: '1',
    DATABASE_MAX_PIPELINED: String(MAX_PIPELINED),
    DATABASE_STATEMENT_TIMEOUT_MS: '200'
  })
  const users = await Promise.all(
    ['alice', 'bob'].map(async name => {
      const title = `of ${name}`
      const insert = `insert into tasks (owner, title) values ('${name}', '${title}') returning id`
      const [row] = await administer(insert, url)
      return { title, send: as(name), id: row?.id }
    })
  )
  let answered = 0
  return { ...(await lieEverywhere({ front, lies, framings: [false], ask })), answered }

  async function ask() {
    const wrong: string[] = []
    await Promise.all(
      users.flatMap(({ title, send, id }) =>
        ['/tasks', `/tasks/${id}`].map(async url => {
          const { status, body } = await send('GET', url)
          if (status >= 500) return
          answered += 1
          const tasks: { title: string }[] = body.items ?? [body]
          const seen = `${status} ${tasks.map(task => task.title).join()}`
          if (seen !== `200 ${title}`) wrong.push(`“${seen}” for ${title}`)
        })
      )
    )
    return wrong
  }
}
