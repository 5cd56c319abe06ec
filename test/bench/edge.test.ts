import t from 'tap'
import { type Contestant, type Round, rowOf, summarize, tableOf } from '../../bench/edge/report.ts'

function round(contestant: Contestant, connections: number, served: number, freshMs = 10): Round {
  const asked = [{ status: 200, tookMs: freshMs }]
  const watched = { fresh: asked, freshOnTraffic: asked, kept: asked, neighbour: asked, rssMib: 200 }
  const answers = { '200': served, '201': served, '503': 7 }
  const steady = { answers: { '200': served, '503': 4 }, seconds: 1 }
  const load = { answers, steady, connected: connections, closed: 0 }
  return { contestant, connections, load, watched, logBytes: 2048, cpuSeconds: 1 }
}

t.test('the report on overload', async t => {
  const few = [round('fastify-neon', 100, 900), round('fastify-neon', 1000, 1000)].map(rowOf)

  t.test('counts what was served and what was not, in each second since all had connected', async t => {
    t.match(few[1], { servedPerSecond: 1000, refusedPerSecond: 4, servedPerCpuSecond: 2000, logKib: 2 })
  })

  t.test('is fine when many are served as well as few, and every probe is in time', async t => {
    const many = [round('fastify-neon', 2000, 850), round('fastify-neon', 5000, 800)].map(rowOf)
    const slowPeer = rowOf(round('under-pressure', 5000, 1, 9000))

    const summary = summarize([...few, ...many, slowPeer])

    t.match(summary, { share: 0.8, ok: true })
    t.match(tableOf(summary), '| under-pressure | 5000 | 1 |')
  })

  t.test('is not when one of that does not hold', async t => {
    const fewer = rowOf(round('fastify-neon', 5000, 790))
    const late = rowOf(round('fastify-neon', 5000, 1000, 1001))

    t.match(summarize([...few, fewer]), { ok: false })
    t.match(summarize([...few, late]), { share: 1, ok: false })
  })
})
