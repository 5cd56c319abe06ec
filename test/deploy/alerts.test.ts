/**
 * The alerts and the dashboard use metrics that exist, fire when they should, and lead to a page that says what to do.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import type { Health } from '../../packages/fastify-neon/src/plugins/health/health.ts'
import { createMetrics } from '../../packages/fastify-neon/src/plugins/metrics/registry.ts'
import { ROOT } from '../support/processes.ts'
import { NO_PROMTOOL, promtool } from '../support/promtool.ts'

interface Alert {
  alert: string
  expr: string
  annotations: { runbook_url: string }
}

interface Panel {
  title: string
  targets: { expr: string }[]
}

const RULES = join(ROOT, 'deploy/prometheus/rules.yaml')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const alerts: Alert[] = parse(readFileSync(RULES, 'utf8')).groups.flatMap(
  ({ rules }: { rules: Alert[] }) => rules
)
const dashboard: {
  panels: Panel[]
  templating: { list: { query: string }[] }
} = JSON.parse(read('deploy/grafana/fastify-neon.json'))

// What Prometheus adds, and the bucket of a histogram.
const LABELS_OF_A_SCRAPE = ['job', 'instance', 'le']

/** Names of the series, with the labels of each. */
const known = new Map<string, string[]>()
for (const metric of createMetrics({} as unknown as Health).registry.getMetricsAsArray()) {
  const { name, type, labelNames } = metric as unknown as {
    name: string
    type: unknown
    labelNames: string[]
  }
  const isHistogram = metric.constructor.name === 'Histogram' || type === 'histogram'
  for (const series of isHistogram ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name])
    known.set(series, [...labelNames, ...LABELS_OF_A_SCRAPE])
}

/** What of a query does not exist. */
function unknownIn(query: string): string[] {
  const series = [...query.matchAll(/\b((?:fastify_neon|http_request)_\w+)(?:\{([^}]*)\})?/g)]
  if (series.length === 0) return [`no metric: ${query}`]
  return series.flatMap(([, name = '', selector = '']) => {
    const labels = [...selector.matchAll(/(\w+)\s*=?[=~]/g)].map(([, label = '']) => label)
    const ofMetric = known.get(name)
    return ofMetric ? labels.filter(label => !ofMetric.includes(label)) : [name]
  })
}

t.test('each query names metrics and labels that exist', async t => {
  for (const { alert, expr } of alerts)
    t.test(`of the alert ${alert}`, async t => t.strictSame(unknownIn(expr), []))

  for (const { title, targets } of dashboard.panels)
    t.test(`of the panel ${title}`, async t =>
      t.strictSame(
        targets.flatMap(({ expr }) => unknownIn(expr)),
        []
      )
    )

  t.test('of the variables of the dashboard', async t => {
    const queries = dashboard.templating.list
      .map(({ query }) => query)
      .filter(query => query !== 'prometheus')
    t.strictSame(queries.flatMap(unknownIn), [])
  })

  t.test('and one that does not is found', async t => {
    t.strictSame(unknownIn('fastify_neon_pool_idle{databse="db"} + fastify_neon_idle'), [
      'databse',
      'fastify_neon_idle'
    ])
  })
})

t.test('docs/how-to/alerts.md has a section for each alert, to which the alert leads', async t => {
  const sections = [...read('docs/how-to/alerts.md').matchAll(/^## (.*)$/gm)].map(([, title]) => title)

  t.strictSame(
    sections,
    alerts.map(({ alert }) => alert)
  )
  for (const { alert, annotations } of alerts)
    t.equal(annotations.runbook_url, `docs/how-to/alerts.md#${alert.toLowerCase()}`)
})

t.test('Prometheus', { skip: NO_PROMTOOL }, async t => {
  t.test('takes the rules', async t => t.equal(promtool('check', 'rules', RULES), ''))

  t.test('fires each alert when it should, and not otherwise', async t => {
    const tested = read('deploy/prometheus/rules.test.yaml')

    t.equal(promtool('test', 'rules', join(ROOT, 'deploy/prometheus/rules.test.yaml')), '')
    for (const { alert } of alerts) t.match(tested, `alertname: ${alert}`)
  })
})
