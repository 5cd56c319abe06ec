import t from 'tap'
import type { Answer } from '../../src/services/answer.ts'
import { createSend } from '../../src/services/send.ts'
import { createSession } from '../../src/services/sign-in/session.ts'
import { createWaits, type Wait } from '../../src/services/waits.ts'
import { memoryStorage, tokenOf } from './browser-fakes.ts'

interface Scripted {
  status: number
  code?: string
  retryAfter?: string
}

function answerOf({ status, code, retryAfter }: Scripted): Answer {
  const response = new Response(null, { status })
  if (retryAfter !== undefined) response.headers.set('retry-after', retryAfter)
  return response.ok ? { response } : { response, error: code ? { code, status } : '<html>' }
}

/** Answers one after the other; `lost` is none. */
function scene(script: (Scripted | 'lost')[], { isOnline = true } = {}) {
  const pauses: number[] = []
  const seen: (Wait | undefined)[] = []
  const waits = createWaits()
  waits.subscribe(() => seen.push(waits.get()))
  const session = createSession(memoryStorage())
  session.signIn(tokenOf('alice', 1))
  const sent: (string | undefined)[] = []
  const network = {
    isOnline: () => isOnline,
    pause: async (ms: number) => void pauses.push(ms)
  }
  const send = createSend({ waits, network, session })
  const request = async () => {
    sent.push(session.get()?.token)
    const next = script[sent.length - 1]
    if (next === undefined || next === 'lost') throw new TypeError('Failed to fetch')
    return answerOf(next)
  }
  const end = new AbortController()
  return { pauses, seen, session, sent, waits, end, run: () => send(request, end.signal) }
}

const DONE = { status: 200 }

t.test('a request is sent until its outcome is known', async t => {
  const rows: [title: string, answer: Scripted | 'lost', wait: Wait, pauseMs: number][] = [
    ['a database that wakes', { status: 503, code: 'FST_NEON_UNAVAILABLE', retryAfter: '2' }, 'waking', 2000],
    [
      'a COMMIT of unknown outcome',
      { status: 503, code: 'FST_NEON_COMMIT_OUTCOME_UNKNOWN', retryAfter: '1' },
      'outcome-unknown',
      1000
    ],
    [
      'a first try that still runs',
      { status: 409, code: 'APP_IDEMPOTENCY_KEY_IN_USE', retryAfter: '1' },
      'outcome-unknown',
      1000
    ],
    ['a service that closes', { status: 503, code: 'APP_CLOSING', retryAfter: '3' }, 'restarting', 3000],
    [
      'keys that cannot be loaded',
      { status: 503, code: 'APP_KEYS_UNAVAILABLE', retryAfter: '1' },
      'keys-unavailable',
      1000
    ],
    ['too many requests', { status: 429, code: 'APP_RATE_LIMITED', retryAfter: '17' }, 'limited', 17_000],
    ['no answer', 'lost', 'unreachable', 1000],
    ['a proxy without a service', { status: 502 }, 'unreachable', 1000],
    ['a proxy that answers 503', { status: 503, retryAfter: '30' }, 'unreachable', 1000],
    [
      'a date in Retry-After',
      { status: 503, code: 'FST_NEON_UNAVAILABLE', retryAfter: 'Fri, 31 Dec 1999 23:59:59 GMT' },
      'waking',
      1000
    ]
  ]
  for (const [title, answer, wait, pauseMs] of rows) {
    t.test(`after ${title}`, async t => {
      const { run, pauses, seen } = scene([answer, DONE])

      t.equal((await run()).response.status, 200)
      t.strictSame(pauses, [pauseMs])
      t.strictSame(seen, [wait, undefined])
    })
  }

  t.test('at longer and longer intervals while there is no answer', async t => {
    const { run, pauses } = scene([...Array(6).fill('lost'), DONE])

    await run()

    t.strictSame(pauses, [1000, 2000, 4000, 8000, 15_000, 15_000])
  })

  t.test('which the page calls offline when the browser is', async t => {
    const { run, seen } = scene(['lost', DONE], { isOnline: false })

    await run()

    t.strictSame(seen, ['offline', undefined])
  })

  t.test('and not again when the answer is the last word', async t => {
    for (const last of [
      { status: 400, code: 'FST_ERR_VALIDATION' },
      { status: 404, code: 'APP_TASK_NOT_FOUND' },
      { status: 412, code: 'APP_TASK_CHANGED' },
      { status: 422, code: 'APP_IDEMPOTENCY_KEY_REUSED' },
      { status: 500, code: 'APP_INTERNAL' },
      { status: 503, code: 'APP_SEARCH_TIMEOUT' }
    ]) {
      const { run, sent, seen } = scene([last])
      t.equal((await run()).response.status, last.status)
      t.equal(sent.length, 1)
      t.strictSame(seen, [])
    }
  })

  t.test('after a refused token with the next one of that user', async t => {
    const { run, session, sent, seen, pauses } = scene([{ status: 401, code: 'APP_UNAUTHENTICATED' }, DONE])
    const outcome = run()
    await new Promise(setImmediate)
    t.match(session.get(), { user: 'alice', isRefused: true })
    t.strictSame(seen, ['signed-out'])

    session.signIn(tokenOf('alice', 2))

    t.equal((await outcome).response.status, 200)
    t.strictSame(sent, [tokenOf('alice', 1), tokenOf('alice', 2)])
    t.strictSame(pauses, [])
  })

  t.test('at once when another request has brought a new token meanwhile', async t => {
    const { run, session, sent } = scene([{ status: 401 }, DONE])
    const outcome = run()
    session.signIn(tokenOf('alice', 2))

    await outcome

    t.equal(sent.length, 2)
    t.equal(session.get()?.isRefused, false)
  })

  t.test('unless its user goes', async t => {
    const { run, end, waits } = scene([{ status: 401 }])
    const outcome = run()
    await new Promise(setImmediate)

    end.abort(new Error('signed out'))

    await t.rejects(outcome, { message: 'signed out' })
    t.equal(waits.get(), undefined)
  })
})

t.test('of several waits the page shows the first of the list', async t => {
  const waits = createWaits()
  const [one, other] = [Symbol('one'), Symbol('other')]

  waits.set(one, 'slow')
  waits.set(other, 'offline')
  t.equal(waits.get(), 'offline')
  waits.set(other, undefined)
  t.equal(waits.get(), 'slow')
  waits.set(one, undefined)
  t.equal(waits.get(), undefined)
})
