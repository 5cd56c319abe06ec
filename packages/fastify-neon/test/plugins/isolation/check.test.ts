import { Writable } from 'node:stream'
import fastify from 'fastify'
import t from 'tap'
import { createIsolationCheck } from '../../../src/plugins/isolation/check.ts'
import type { IsolationFinding, IsolationReport } from '../../../src/rls-audit/audit.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

const NO_FORCE: IsolationFinding = { code: 'no-force', object: 'public.tasks', message: 'it is not forced' }
const NO_RLS: IsolationFinding = { code: 'no-rls', object: 'public.tasks', message: 'it is not enabled' }
const LOGIN: IsolationFinding = { code: 'login-bypass', object: 'alex', message: 'no policy holds for it' }

function open() {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()))
      done()
    }
  })
  const world = { now: 0, looks: 0, findings: [] as IsolationFinding[], error: undefined as unknown }
  const check = createIsolationCheck({
    look: async () => {
      world.looks += 1
      if (world.error) throw world.error
      return { role: 'app_user', login: 'alex', findings: world.findings } as unknown as IsolationReport
    },
    untilTime: async signal => signal.throwIfAborted(),
    warningLevel: 'warn',
    log: fastify({ logger: { stream } }).log,
    now: () => world.now
  })
  return { world, lines, check: () => check(new AbortController().signal), checkWith: check }
}

t.test('the check of isolation', async t => {
  t.test('looks no more once it has passed', async t => {
    const { world, check, lines } = open()

    for (let runs = 0; runs < 100; runs += 1) await check()

    t.equal(world.looks, 1)
    t.strictSame(lines, [])
  })

  t.test('names each error with its fix in one line, and again when they change', async t => {
    const { world, check, lines } = open()
    world.findings = [NO_RLS, NO_FORCE, { ...NO_FORCE, object: 'public.notes' }, LOGIN]

    await t.rejects(check(), {
      code: 'FST_NEON_NOT_ISOLATED',
      message: 'the database does not keep the rows of users apart: no-rls, no-force'
    })
    await t.rejects(check())
    world.findings = [NO_FORCE, LOGIN]
    await t.rejects(check())

    const [, error, changed, ...others] = lines
    t.match(error, {
      level: 50,
      msg: 'the database does not keep the rows of users apart',
      role: 'app_user',
      login: 'alex',
      count: 3,
      findings: [
        { ...NO_RLS, fix: /ENABLE ROW LEVEL SECURITY/ },
        { ...NO_FORCE, fix: /FORCE ROW LEVEL SECURITY/ },
        { ...NO_FORCE, object: 'public.notes' }
      ]
    })
    t.match(changed, { level: 50, count: 1 })
    t.strictSame(others, [])
  })

  t.test('passes with warnings, and names them once', async t => {
    const { world, check, lines } = open()
    world.findings = [NO_FORCE, LOGIN]
    await t.rejects(check())
    world.findings = [LOGIN]

    await check()

    const warnings = lines.filter(({ level }) => level === 40)
    t.match(warnings, [{ msg: 'the RLS audit has warnings', count: 1, findings: [LOGIN] }])
    t.equal(warnings.length, 1)
  })

  t.test('names no more than 50 of many, and how many there are', async t => {
    const { world, check, lines } = open()
    world.findings = Array.from({ length: 60 }, (_, index) => ({ ...NO_FORCE, object: `public.t${index}` }))

    await t.rejects(check())

    const [{ count, findings } = {}] = lines
    t.strictSame([count, (findings as unknown[]).length], [60, 50])
  })

  t.test('looks at each run while it fails, and after ten minutes every ten minutes', async t => {
    const { world, check } = open()
    world.findings = [NO_FORCE]
    const codes = new Set()
    const looksIn = async (minutes: number) => {
      const before = world.looks
      for (const end = world.now + minutes * MINUTE_MS; world.now < end; world.now += SECOND_MS)
        await check().catch(({ code }) => codes.add(code))
      return world.looks - before
    }

    t.equal(await looksIn(10), 600)
    // The last one was a second ago.
    t.equal(await looksIn(30), 3)

    t.strictSame([...codes], ['FST_NEON_NOT_ISOLATED'])

    world.findings = []
    world.now += 10 * MINUTE_MS
    await check()
  })

  t.test('fails with what kept it from looking, and looks again', async t => {
    const { world, check, lines } = open()
    world.error = new Error('Connection terminated unexpectedly')

    await t.rejects(check(), { name: 'DatabaseFailure', code: 'FST_NEON_CONNECTION_LOST' })
    world.error = undefined
    await check()

    t.equal(world.looks, 2)
    t.strictSame(lines, [])
  })

  t.test('does not look before it is time', async t => {
    const { world, checkWith } = open()

    await t.rejects(checkWith(AbortSignal.abort()), { name: 'AbortError' })

    t.equal(world.looks, 0)
  })
})
