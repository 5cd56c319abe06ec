/**
 * One client of one side after another: runs sequences on it, and writes down all that its user can see.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../../../../test/support/app.ts'
import { within } from '../../../src/runtime/deadline.ts'
import { askBy, configOf, outcomeOf, type Query } from './asking.ts'
import { BEHIND, LAST, type Observation } from './observation.ts'
import type { Asked, Ending, Sequence, Step, Style } from './sequences.ts'
import { openSession, type Session } from './session.ts'
import { insideOf, RESET, type Side, STORED } from './sides.ts'

export interface Lane {
  /** Within a limit, whatever the client does. */
  run(sequence: Sequence): Promise<Observation>
  /** Makes a new client for the next sequence. */
  renew(): Promise<void>
}

// Far above what any sequence takes; only a client that waits for good meets it.
const DEADLINE_MS = 10_000

export function createLane(side: Side, lane: number): Lane {
  let session: Session | undefined
  let sequences = 0

  return { run, renew }

  async function run(sequence: Sequence): Promise<Observation> {
    session ??= await openSession(side, lane)
    sequences += 1
    const { observation, isDone } = observe(sequence, session, {
      names: String(sequences),
      channel: `channel_${lane}`
    })
    let isUsable = false
    const finish = () => {
      isUsable = sequence.ending === undefined
    }
    await within(DEADLINE_MS, isDone.then(finish))
    // What waits for good is settled by the end of its connection.
    const { outcomes, order } = observation
    const seen = { ...observation, outcomes: { ...outcomes }, order: [...order] }
    if (!isUsable) await renew()
    return seen
  }

  async function renew() {
    const last = session
    session = undefined
    await last?.kill()
  }
}

interface Names {
  /** What the names of prepared statements begin with. */
  names: string
  channel: string
}

function observe({ steps, ending }: Sequence, session: Session, { names, channel }: Names) {
  const { side, client, pid, statuses, heard } = session
  const { connectionParameters } = insideOf(client)
  const query: Query = client.query.bind(client)
  const observation: Observation = {
    outcomes: {},
    order: [],
    heard: [],
    transaction: 'none',
    works: 'none',
    stored: 'none',
    reset: []
  }
  const { outcomes, order } = observation
  const settled: Promise<void>[] = []
  const cancels: Promise<void>[] = []
  heard.length = 0
  statuses.length = 0

  return { observation, isDone: run() }

  async function run() {
    for (const [index, step] of steps.entries()) {
      await waitFor(step)
      take(String(index), step)
      // What comes next is asked behind what is asked in the callback.
      if (step.nested) await settled.at(-1)
    }
    await allSettled()
    if (ending === undefined) await lookAround()
    else await end(ending)
  }

  async function waitFor({ wait }: Step) {
    if (wait === 'turn') await nextTurn()
    else if (wait === 'moment') await sleep(1)
    else if (wait === 'all') await Promise.all(settled)
    else if (wait !== 'nothing') await settled[wait % (settled.length + 1)]
  }

  function take(name: string, step: Step) {
    const { asked, cancelBy } = step
    const marker = `sleeper ${names} ${name}`
    issue(name, cancelBy === undefined ? step : { ...step, asked: marked(asked, marker) })
    if (cancelBy !== undefined) cancels.push(cancelWhenAsleep(name, marker, cancelBy))
  }

  function issue(name: string, { asked, style, timeoutMs, nested }: Step) {
    // As it is set for all clients of a pool.
    connectionParameters.query_timeout = timeoutMs ?? false
    const outcome = askBy(style, {
      query,
      asked: configOf(asked, names, channel),
      onHeard(event) {
        heard.push([event, name])
        if (nested) issue(`${name} inside`, { asked: nested, style: 'promise', wait: 'nothing' })
      }
    })
    connectionParameters.query_timeout = false
    observation.outcomes[name] = 'none'
    settled.push(
      outcome.then(known => {
        outcomes[name] = known
        if (isPromised(style)) order.push(name)
      })
    )
  }

  async function cancelWhenAsleep(name: string, marker: string, by: Step['cancelBy']) {
    await untilAsleep(name, marker)
    if (outcomes[name] !== 'none') return
    if (by === 'CancelRequest') await side.requestCancel(client)
    else await side.cancel(pid)
  }

  /** On the server; or it has been answered, and never will. */
  function untilAsleep(name: string, marker: string) {
    return until(async () => outcomes[name] !== 'none' || (await side.isAsleep(pid, marker)))
  }

  /** Also those that are asked in the callbacks of others. */
  async function allSettled() {
    for (let known = -1; known !== settled.length; ) {
      known = settled.length
      await Promise.all(settled)
    }
    await Promise.all(cancels)
  }

  async function lookAround() {
    const questions = ['select 1 as works', 'rollback', STORED, 'discard all', RESET]
    const [works, , stored, ...reset] = await Promise.all(questions.map(ask))
    Object.assign(observation, { works, stored, reset, heard: [...heard] })
    observation.transaction = statuses.at(-questions.length)
  }

  async function end({ how, behind }: Ending) {
    const marker = `${LAST} ${names}`
    await ask('rollback')
    issue(LAST, { asked: marked({ text: 'select pg_sleep(30)' }, marker), style: 'promise', wait: 'nothing' })
    for (const [index, step] of behind.entries()) issue(`${BEHIND} ${index}`, step)
    await untilAsleep(LAST, marker)
    if (how === 'terminated') await side.terminate(pid)
    // Resolves with the end of the connection, and for ours never when that has been before.
    else if (how === 'ended') client.end()
    else insideOf(client).connection.stream.ws.terminate()
    await allSettled()
    await session.ended
    observation.works = await ask('select 1 as works')
    observation.heard = [...heard]
  }

  function ask(text: string) {
    return outcomeOf(query(text))
  }
}

const isPromised = (style: Style) => style === 'promise' || style === 'arguments'

const marked = (asked: Asked, marker: string): Asked => ({ ...asked, text: `${asked.text} /* ${marker} */` })
