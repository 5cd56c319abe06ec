/**
 * What `npm run compat`, which a workflow runs weekly, finds in an app.
 */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runRow } from '../../compat/row.ts'

/** An app of nothing but this, which has `server` and counts its `requests`. */
async function runApp(t: Test, code: string) {
  const folder = t.testdir({
    rows: {},
    app: {
      'package.json': JSON.stringify({ scripts: { start: 'node app.cjs' } }),
      'app.cjs': `
        let requests = 0
        const server = require('node:http').createServer((request, response) => {
          requests += 1
          response.end()
        })
        server.listen(0, '127.0.0.1', () => {
          console.log('listening at http://127.0.0.1:' + server.address().port)
        })
        ${code}`
    }
  })
  const place = { folder: join(folder, 'rows'), tarballs: new Map<string, string>() }
  return await runRow({ name: 'app', title: '', app: join(folder, 'app') }, place)
}

const STOP = `process.once('SIGTERM', () => { server.close(); server.closeAllConnections() });`

t.test('an app that works, survives and stops passes', async t => {
  t.match(await runApp(t, STOP), { node: process.versions.node })
})

for (const [title, code, message] of [
  ['that lets SIGTERM end it', '', 'the app ended with SIGTERM'],
  ['that leaves a timer', `${STOP} setInterval(() => {}, 1000)`, 'not stopped by SIGTERM within 10 s'],
  [
    'that ends while it is used',
    `${STOP} server.on('request', () => requests > 2 && process.exit(3))`,
    'the app ended by itself, with 3'
  ],
  [
    'that leaks listeners',
    `${STOP} console.log('MaxListenersExceededWarning')`,
    'the app wrote MaxListenersExceededWarning'
  ]
] as const) {
  t.test(`an app ${title} fails`, async t => {
    await t.rejects(runApp(t, code), { message })
  })
}
