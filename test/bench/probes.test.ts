/**
 * What the benchmark of probes is told, sends and says. The run itself needs what `npm ci` installs
 * in its folder.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { ArgumentsError, readArguments, USAGE } from '../../bench/probes/arguments.ts'
import { isAnswered, probe } from '../../bench/probes/kubelet.ts'
import { plotOf } from '../../bench/probes/plot.ts'
import { brokenPromises, CONTESTANTS, type Row, summarize, tableOf } from '../../bench/probes/report.ts'
import { listen } from '../../packages/local-neon/src/listen.ts'
import { NODE_ARGS, ROOT } from '../support/processes.ts'

t.test('the arguments', async t => {
  t.test('are a day of three replicas when none are given', async t => {
    t.strictSame(readArguments([]), {
      help: false,
      options: { hours: 24, factor: 250, replicas: 3, plot: undefined }
    })
  })

  t.test('are taken as they are given', async t => {
    t.strictSame(readArguments(['--hours=1.5', '--factor', '60', '--replicas', '1', '--plot', 'a.svg']), {
      help: false,
      options: { hours: 1.5, factor: 60, replicas: 1, plot: 'a.svg' }
    })
  })

  t.test('ask for help alone', async t => {
    t.strictSame(readArguments(['--hours', 'what?', '--help']), { help: true })
  })

  for (const [args, message] of [
    [['--hours', '0.5'], '--hours must be a number from 1 to 168, not "0.5"'],
    [['--hours', 'day'], '--hours must be a number from 1 to 168, not "day"'],
    [['--factor', ''], '--factor must be a number from 10 to 500, not ""'],
    [['--replicas', '1.5'], '--replicas must be a whole number'],
    [['--plot', ''], '--plot must name a file'],
    [['--minutes', '5'], /Unknown option '--minutes'/]
  ] as const) {
    t.test(`are refused as ${args.join(' ')}`, async t => {
      t.throws(() => readArguments(args), { constructor: ArgumentsError, message })
    })
  }
})

t.test('the command', async t => {
  t.test('says how it is used', async t => {
    t.match(run('--help'), { status: 0, stdout: `${USAGE}\n`, stderr: '' })
  })

  t.test('ends with 2 and one line for what it cannot be asked for', async t => {
    const stderr = '--hours must be a number from 1 to 168, not "0"\n'

    t.match(run('--hours', '0'), { status: 2, stdout: '', stderr })
  })
})

t.test('a probe', async t => {
  t.test('is a connection of its own, as a kubelet makes it', async t => {
    const requests: IncomingMessage[] = []
    const port = await serve(t, (request, response) => {
      requests.push(request)
      response.end('{"status":"ok"}')
    })

    const probed = await probe({
      targets: ['/livez', '/readyz'].map(path => ({ port, path })),
      periodMs: 2,
      count: 5,
      signal: new AbortController().signal
    })

    t.strictSame(probed, { probes: 10, failed: 0 })
    t.equal(new Set(requests.map(({ socket }) => socket)).size, 10)
    t.equal(requests.filter(({ url }) => url === '/readyz').length, 5)
    for (const { method, headers } of requests) {
      t.equal(method, 'GET')
      t.strictSame(headers, {
        host: `127.0.0.1:${port}`,
        'user-agent': 'kube-probe/1.34',
        accept: '*/*',
        connection: 'close'
      })
    }
  })

  t.test('fails when it is answered 503, disconnected on, refused or not answered in a second', async t => {
    const unavailable = await serve(t, (_request, response) => response.writeHead(503).end())
    const rude = await serve(t, request => request.socket.destroy())
    const silent = await serve(t, () => {})

    for (const port of [unavailable, rude, silent, 1]) t.notOk(await isAnswered({ port, path: '/readyz' }))
  })

  t.test('is counted when it fails', async t => {
    const ready = await serve(t, (_request, response) => response.end())
    const unavailable = await serve(t, (_request, response) => response.writeHead(503).end())
    const targets = [ready, unavailable].map(port => ({ port, path: '/readyz' }))
    const { signal } = new AbortController()

    t.strictSame(await probe({ targets, periodMs: 1, count: 3, signal }), { probes: 6, failed: 3 })
  })

  t.test('is not made after the run was stopped', async t => {
    const stop = new AbortController()
    const reason = new Error('stopped')
    const port = await serve(t, (_request, response) => {
      stop.abort(reason)
      response.end()
    })
    const { signal } = stop

    await t.rejects(probe({ targets: [{ port, path: '/livez' }], periodMs: 1, count: 1000, signal }), reason)
  })
})

t.test('the report', async t => {
  t.test('is a table in which what was not measured is marked', async t => {
    const lines = tableOf([rowOf({ everySeconds: 10 }), rowOf({ everySeconds: 1, hours: 2.4 })]).split('\n')

    t.equal(lines.length, 1 + 2 * CONTESTANTS.length)
    t.match(lines[2], /every 10 s +@fastify\/under-pressure +24 +5184 +0 +1000 +2 +24\.00 +100\.0 % +1000$/)
    t.match(lines[6], /every 1 s +@fastify\/under-pressure +2\.4 .* ~10000$/)
  })

  t.test('has both rhythms of each contestant in one object', async t => {
    const summary = summarize(rowOf({ everySeconds: 10 }), rowOf({ everySeconds: 1, hours: 2.4 }))

    t.strictSame(Object.keys(summary), [...CONTESTANTS])
    t.strictSame(summary['fastify-neon'], {
      queries: 0,
      sessions: 0,
      awakeSeconds: 310,
      every1s: { hours: 2.4, queries: 0, sessions: 0, awakeSeconds: 310 }
    })
  })

  t.test('cannot be made without one of them', async t => {
    const row = rowOf({ everySeconds: 10 })

    t.throws(() => summarize({ ...row, results: [] }, row), { message: 'fastify-neon has no result' })
  })

  t.test('has nothing to say of a promise that is kept', async t => {
    t.strictSame(brokenPromises(rowOf({ everySeconds: 10 })), [])
  })

  t.test('names each promise that is broken', async t => {
    const row = rowOf({ everySeconds: 1, own: { queries: 3, sessions: 1, awakeSeconds: 801, failed: 2 } })

    t.strictSame(brokenPromises(row), [
      'fastify-neon, probed every 1 s: 3 queries',
      'fastify-neon, probed every 1 s: 1 sessions',
      'fastify-neon, probed every 1 s: awake for 801 s, which may be 800 s',
      'fastify-neon, probed every 1 s: 2 probes that were not answered'
    ])
  })
})

t.test('the plot', async t => {
  t.test('has a bar for each contestant, as long as it was awake', async t => {
    const svg = plotOf(rowOf({ everySeconds: 10 }))
    const widths = [...svg.matchAll(/<rect x="190" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
      Number(width)
    )

    t.strictSame(widths, [1.6, 440, 440, 440])
    t.ok(svg.includes('>24.00 h</text>'))
  })

  t.test('in the documentation is of the run whose figures stand beside it', async t => {
    const documentation = readFileSync(new URL('../../docs/explanation/probes.md', import.meta.url), 'utf8')
    const plot = readFileSync(new URL('../../docs/explanation/probes.svg', import.meta.url), 'utf8')
    const figures = JSON.parse(/^\{"fastify-neon".*$/m.exec(documentation)?.[0] ?? '{}')

    for (const contestant of CONTESTANTS) {
      const hours = (figures[contestant].awakeSeconds / 3600).toFixed(2)
      t.match(plot, new RegExp(`>${contestant}</text>\\n.*\\n.*>${hours} h</text>`))
    }
  })
})

/** Without coverage, since what the command does otherwise is no part of these tests. */
function run(...args: string[]) {
  const command = [process.execPath, ...NODE_ARGS, `${ROOT}bench/probes.ts`, ...args]
  return spawnSync('env', ['-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE', ...command], { encoding: 'utf8' })
}

interface RowParts {
  everySeconds: number
  hours?: number
  own?: object
}

function rowOf({ everySeconds, hours = 24, own = {} }: RowParts): Row {
  const asleep = { queries: 0, sessions: 0, awakeSeconds: 310 }
  const awake = { queries: 1000, sessions: 2, awakeSeconds: hours * 3600 }
  const results = CONTESTANTS.map((contestant, index) => ({
    contestant,
    probes: 5184,
    failed: 0,
    ...(index === 0 ? { ...asleep, ...own } : awake)
  }))
  return { everySeconds, hours, factor: 250, results }
}

async function serve(t: Test, listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = await listen(server, 0)
  return port
}
