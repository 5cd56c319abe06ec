/**
 * What the comparison counts, computes and says. The run itself needs what `npm ci` installs in its folder.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { documentOf, plotsOf } from '../../bench/compare/document.ts'
import { type Plot, svgOf } from '../../bench/compare/plots.ts'
import { statements } from '../../bench/compare/questions.ts'
import { tableOf } from '../../bench/compare/report-tables.ts'
import { type Run, rounded, textOf } from '../../bench/compare/results.ts'
import { roundTripsOf, rowsOf } from '../../bench/compare/rows.ts'
import { latePlaces, medianOf, ratioOf, rotated, type Sample } from '../../bench/compare/samples.ts'
import { createWireCount } from '../../bench/compare/wire.ts'
import { ROOT } from '../support/processes.ts'

t.test('the count of round trips on the wire', async t => {
  t.test('is the handshake of TCP when nothing was sent', async t => {
    t.equal(createWireCount().roundTrips, 1)
  })

  t.test('takes all that is sent before an answer for one', async t => {
    const count = createWireCount()

    for (const step of ['fromClient', 'fromClient', 'toClient', 'toClient', 'fromClient'] as const)
      count[step]()

    t.equal(count.roundTrips, 3)
  })

  t.test('is of the client: what the server says first begins none', async t => {
    const count = createWireCount()

    count.toClient()
    count.fromClient()
    count.toClient()

    t.equal(count.roundTrips, 2)
  })
})

t.test('a ratio', async t => {
  t.test('is the median of the ratios of the rounds', async t => {
    const samples = [
      ...rounds('us', [{ ms: 2 }, { ms: 20 }, { ms: 9 }]),
      ...rounds('them', [{ ms: 1 }, { ms: 10 }, { ms: 3 }])
    ]

    t.equal(ratioOf(samples, question('us'), question('them'), 'ms'), 2)
  })

  t.test('leaves out a round that one of them has not had', async t => {
    const samples = [...rounds('us', [{ ms: 8 }, { ms: 2 }]), ...rounds('them', [{ ms: 2 }])]

    t.equal(ratioOf(samples, question('us'), question('them'), 'ms'), 4)
  })

  t.test('is none without measurements', async t => {
    t.throws(() => ratioOf(rounds('us', [{ ms: 1 }]), question('us'), question('them'), 'ms'), RangeError)
    t.throws(() => medianOf([], question('us'), 'ms'), RangeError)
    t.throws(() => medianOf(rounds('us', [{ ms: 1 }]), question('us'), 'bytes'), {
      message: 'us has no bytes'
    })
  })
})

t.test('the order of a round moves on', async t => {
  t.strictSame(
    [0, 1, 2, 3].map(round => rotated(['a', 'b', 'c'], round).join('')),
    ['abc', 'bca', 'cab', 'abc']
  )
  t.strictSame(rotated([], 1), [])
})

t.test('who is served late is counted in places', async t => {
  t.equal(latePlaces([0, 1, 2, 3]), 0)
  t.equal(latePlaces([1, 2, 3, 0]), 3)
  t.equal(latePlaces([]), 0)
})

t.test('round trips are what the longer way adds, beside what it adds to one statement', async t => {
  const at = (work: 'key' | 'read', roundTripMs: 0 | 20) =>
    statements.describe({ work, atOnce: 1, max: 10, roundTripMs, tls: false })
  const samples = [
    ...rounds('pg', [{ p50Ms: 1 }], { conditions: at('key', 0) }),
    ...rounds('pg', [{ p50Ms: 22 }, { p50Ms: 26 }], { conditions: at('key', 20) }),
    ...rounds('fastify-neon', [{ p50Ms: 2 }], { conditions: at('read', 0) }),
    // The round that `pg` has not had counts for nothing.
    ...rounds('fastify-neon', [{ p50Ms: 44 }, { p50Ms: 52 }, { p50Ms: 99 }], { conditions: at('read', 20) })
  ]

  t.equal(roundTripsOf(samples, 'fastify-neon', 'read'), 2)
})

t.test('the rows', async t => {
  const { samples, rows } = kept()

  t.test('are made from the samples alone', async t => {
    t.strictSame(rowsOf(samples).map(withoutRatio), rows.map(withoutRatio))
  })

  t.test('cannot be made without one of the measures', async t => {
    const without = samples.filter(({ measure }) => measure !== 'http')

    t.throws(() => rowsOf(without), RangeError)
  })

  t.test('say what is not reached', async t => {
    const slow = samples.map(sample =>
      sample.measure === 'connection' ? { ...sample, figures: { roundTrips: 6 } } : sample
    )
    const row = rowsOf(slow).find(({ name }) => name.startsWith('new connection'))

    t.match(row, { ratio: 6, target: 5, ok: false })
  })

  t.test('are a table on a terminal', async t => {
    const lines = tableOf([
      { name: 'a', ratio: 1.5, target: 1, ok: true },
      { name: 'longer', ratio: 2, target: 2.5, ok: false }
    ])

    t.equal(lines, 'ok     a          1 : 1.5\nnot ok longer   2.5 : 2')
  })
})

t.test('the file of a run', async t => {
  t.test('has a line for each sample and is read again as it was', async t => {
    const run = kept()
    const text = textOf(run)

    t.strictSame(JSON.parse(text), run)
    t.equal(text, readFileSync(`${ROOT}bench/comparison.json`, 'utf8'))
    t.equal(text.match(/^\{"measure"/gm)?.length, run.samples.length)
  })

  t.test('has no more digits than a measurement has', async t => {
    const [sample] = rounds('us', [{ ms: 1.23456, bytes: 123456 }])

    t.strictSame(sample && rounded(sample).figures, { ms: 1.235, bytes: 123500 })
  })
})

t.test('the page', async t => {
  t.test('is the one that the kept run makes', async t => {
    t.equal(readFileSync(`${ROOT}docs/reference/benchmarks.md`, 'utf8'), documentOf(kept()))
  })

  t.test('has the plots that the kept run makes', async t => {
    for (const [name, svg] of Object.entries(plotsOf(kept()))) {
      t.equal(readFileSync(`${ROOT}docs/reference/${name}`, 'utf8'), svg, name)
    }
  })

  t.test('has an empty cell for what a contestant was not asked', async t => {
    const run = kept()
    const samples = run.samples.filter(
      ({ measure, contestant }) => measure !== 'statements' || contestant !== '@fastify/postgres'
    )

    t.match(documentOf({ ...run, samples }), /^\| @fastify\/postgres \| {2}\|/m)
  })

  t.test('leaves out what was not measured', async t => {
    const run: Run = { ...kept(), samples: [] }

    t.strictSame(plotsOf(run), {})
    t.notMatch(documentOf(run), /## (?:Memory|Round trips|A cold start|The floor|A select)/)
  })
})

t.test('a plot has a bar for each, as long as its value', async t => {
  const plot: Plot = {
    title: 'Title',
    subtitle: 'subtitle',
    bars: [
      { label: 'us', value: 1, text: '1 ms', isOwn: true },
      { label: 'them', value: 2, text: '2 ms', isOwn: false }
    ]
  }

  const widths = [...svgOf(plot).matchAll(/<rect x="190" .*? width="([\d.]+)"/g)].map(([, width]) =>
    Number(width)
  )

  t.strictSame(widths, [215, 430])
})

function kept(): Run {
  return JSON.parse(readFileSync(`${ROOT}bench/comparison.json`, 'utf8'))
}

/** A median of rounded samples may differ in its last digit. */
function withoutRatio({ name, target }: { name: string; target: number }) {
  return { name, target }
}

function question(contestant: string) {
  return { measure: 'statements', contestant }
}

function rounds(
  contestant: string,
  figures: readonly Record<string, number>[],
  { measure = 'statements', conditions = 'key' } = {}
): Sample[] {
  return figures.map((of, round) => ({ measure, contestant, conditions, round, figures: of }))
}
