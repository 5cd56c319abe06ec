import t from 'tap'
import { budgetReport, USAGE } from '../../src/cli/connection-budget-report.ts'

const report = (...args: string[]) => budgetReport(args, () => 'kind: Deployment\nspec: { replicas: 2 }')

t.test('the report of db:budget', async t => {
  t.test('finds that the manifests fit the smallest compute', async t => {
    t.strictSame(report(), {
      fits: true,
      text: [
        'a compute of 0.25 CU, direct',
        '  replicas                       7',
        '  + surge of a rollout           1',
        '  + ending, still connected      1',
        '  x DATABASE_POOL_MAX           10',
        '  direct, of migrations          1',
        '  sessions                      91  of 97: 104 less 7 that Neon keeps',
        '',
        'fits, with 6 to spare'
      ].join('\n')
    })
  })

  t.test('names what mends it when they do not fit', async t => {
    const { fits, text } = report('--replicas', '10')

    t.equal(fits, false)
    t.equal(
      text.slice(text.indexOf('does not fit')),
      [
        'does not fit: 24 too many. Any one of these mends it:',
        '  DATABASE_POOL_MAX=8',
        '  at most 7 replicas',
        '  a compute of 0.5 CU',
        '  the pooled host in DATABASE_URL, with -pooler in its name'
      ].join('\n')
    )
  })

  t.test('says so when nothing mends it', async t => {
    const { fits, text } = report('--jobs', '9999')

    t.equal(fits, false)
    t.match(text, /does not fit: 9992 too many, and no other pool, fleet or compute mends it$/)
  })

  t.test('takes the range of an autoscaling compute', async t => {
    const { fits, text } = report('--compute-units', '0.25-2', '--replicas', '70')

    t.equal(fits, true)
    t.match(text, /^a compute of 0\.25 to 2 CU, direct\n/)
    t.match(text, 'of 832: 839 less 7 that Neon keeps')
  })

  t.test('says behind the pooler what waits there', async t => {
    const crowd = report('--pooled', '--replicas', '100')
    const few = report('--pooled')

    t.equal(crowd.fits, true)
    t.match(crowd.text, 'pooler clients              1020  of 10000\n')
    t.match(crowd.text, 'more than 93 transactions at once wait in the pooler, each for up to 120 s')
    t.notMatch(few.text, 'wait in the pooler')
  })

  t.test('takes each number from a flag before the manifests', async t => {
    const flags = ['--replicas=2', '--surge=3', '--terminating=4', '--pool-max=5', '--jobs=6']

    t.match(report(...flags).text, 'sessions                      51  of 97')
  })

  t.test('reads the manifests that it is given in place of those of the project', async t => {
    t.match(report('--manifests', '-').text, '  replicas                       2\n')
  })

  t.test('says how it is asked', async t => {
    t.strictSame(report('--help'), { text: USAGE, fits: true })
  })

  for (const [flags, message] of [
    [['--replicas', '0'], '--replicas must be a whole number from 1 to 10000, and not 0'],
    [['--pool-max', '0'], '--pool-max must be a whole number from 1 to 10000, and not 0'],
    [['--jobs', '1.5'], '--jobs must be a whole number from 0 to 10000, and not 1.5'],
    [['--surge='], '--surge must be a whole number from 0 to 10000, and not '],
    [['--terminating', 'many'], '--terminating must be a whole number from 0 to 10000, and not many'],
    [
      ['--compute-units', '0'],
      '--compute-units must be a size such as 0.25, or a range such as 0.25-2, and not 0'
    ],
    [['--compute-units', '2-1'], /and not 2-1$/],
    [['--compute-units', 'small'], /and not small$/],
    [['--manifests', 'nowhere'], /ENOENT/],
    [['--replica', '3'], /Unknown option '--replica'/]
  ] as const) {
    t.test(`refuses ${flags.join(' ')} with the reason`, async t => {
      t.throws(() => report(...flags), { message })
    })
  }
})
