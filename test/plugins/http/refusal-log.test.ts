import t from 'tap'
import { createRefusalLog } from '../../../src/plugins/http/refusal-log.ts'
import { until } from '../../support/app.ts'

t.test('the log of refusals', async t => {
  t.test('has a line for the first, and then one in each interval with their number', async t => {
    const lines: unknown[] = []
    const note = createRefusalLog({ warn: (facts: unknown) => void lines.push(facts) }, 50)

    for (let count = 1; count <= 1000; count += 1) note({ code: 'A' })
    note({ code: 'A', sqlState: '57014' })
    t.strictSame(lines, [
      { code: 'A', count: 1 },
      { code: 'A', sqlState: '57014', count: 1 }
    ])

    await until(() => lines.length > 2)
    t.strictSame(lines.slice(2), [{ code: 'A', count: 999 }])
    note({ code: 'A' })
    await until(() => lines.length > 3)
    t.strictSame(lines.slice(3), [{ code: 'A', count: 1 }], 'and none for an interval without one')
  })
})
