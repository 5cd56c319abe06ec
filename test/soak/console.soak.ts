/**
 * The console in a real Chromium, on a real Postgres.
 */
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import t, { type Test } from 'tap'
import { MAX_EVENTS } from '../../packages/local-neon/src/console/history.ts'
import { listen } from '../../packages/local-neon/src/listen.ts'
import type { LocalNeon } from '../../packages/local-neon/src/local-neon.ts'
import {
  contrastOf,
  DESKTOP,
  focused,
  openConsole as open,
  openFakeConsole,
  PHONE,
  tabTo
} from '../../packages/local-neon/test/fixtures/console-page.ts'
import { connectPg, endOf } from '../../packages/local-neon/test/fixtures/drivers.ts'
import { createManualClock } from '../../packages/local-neon/test/fixtures/manual-clock.ts'
import { copyCluster, folder, start, until } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'

const WITH_CONSOLE = { controlPort: 0, wakeDelayMs: 0, wakeJitterMs: 0 }
const IDLE_MS = 300_000
/** WCAG 2.2, 1.4.3. */
const READABLE = 4.5

t.test('the console', { skip: NO_BROWSER }, async t => {
  const browser = await openBrowser(t)
  const neon = await start(t, WITH_CONSOLE)
  t.beforeEach(async () => {
    neon.clearFaults()
    await neon.wake()
  })

  t.test('shows the compute fall asleep after its countdown, and wake for a login', async t => {
    const clock = createManualClock()
    const neon = await start(t, { ...WITH_CONSOLE, clock, suspendAfterMs: IDLE_MS })
    const { page, shows } = await open(t, browser, neon)
    await shows('#state', /^awake$/)
    await shows('#countdown', /^Sleeps in [45]:\d\d if nothing happens\.$/)

    await clock.advance(IDLE_MS)
    await shows('#state', /^asleep$/)
    await shows('#event-list li', /suspend idle for long enough/)
    t.match(await page.title(), 'asleep')
    await connectPg(t, neon.url)

    await shows('#state', /^awake$/)
    await shows('#event-list li', /login neondb_owner to neondb over tcp/)
    await shows('#summary', /1 wake since the start/)
    for (const state of ['awake', 'suspending', 'asleep', 'waking'])
      t.ok((await page.locator(`#chart .${state}`).count()) > 0, state)
    await shows('#readings', /Wakes1Sessions1/)
  })

  t.test('puts the compute to sleep, and wakes it', async t => {
    const { page, shows } = await open(t, browser, neon)
    const { wakes } = neon.meter()
    await shows('#state', /^awake$/)

    await page.getByRole('button', { name: 'Suspend now' }).click()
    await shows('#state', /^asleep$/)
    t.equal(neon.state, 'asleep')
    await page.getByRole('button', { name: 'Wake now' }).click()

    await shows('#state', /^awake$/)
    t.equal(neon.meter().wakes, wakes + 1)
  })

  t.test('shows why something could not be done', async t => {
    const { page, shows } = await open(t, browser, neon)
    neon.inject({ type: 'wake', message: 'endpoint-disabled' })
    await neon.suspend()
    await shows('#state', /^asleep$/)

    await page.getByRole('button', { name: 'Wake now' }).click()

    await shows('#compute .error', /endpoint is disabled/)
    neon.clearFaults()
    await page.getByRole('button', { name: 'Wake now' }).click()
    await shows('#compute .error', /^$/)
  })

  t.test('switches a fault on and off, and all pages show it', async t => {
    const first = await open(t, browser, neon)
    const second = await open(t, browser, neon)

    await first.page.getByLabel('Fault', { exact: true }).selectOption('login')
    await first.page.getByLabel('message').fill('endpoint-not-found')
    await first.page.getByText('Only some of them').click()
    await first.page.getByLabel('times').fill('1')
    await first.page.getByRole('button', { name: 'Switch on' }).click()
    for (const { shows } of [first, second])
      await shows('#fault-list .head', /message=endpoint-not-found times=1/)
    t.match(neon.faults(), [{ fault: { type: 'login', message: 'endpoint-not-found', times: 1 } }])
    await t.rejects(connectPg(t, neon.url), { message: /endpoint cannot be found/ })

    for (const { shows } of [first, second]) {
      await shows('#fault-list .met', /^met 1 time, and is spent$/)
      await shows('#event-list li', /refused Control plane request failed: endpoint cannot be found/)
    }
    await second.page.getByRole('button', { name: /^Switch off login-/ }).click()

    for (const { shows } of [first, second]) await shows('#no-faults', /^None is on$/)
    t.strictSame(neon.faults(), [])
    await connectPg(t, neon.url)
  })

  t.test('has a form for every fault', async t => {
    const { page, shows } = await open(t, browser, neon)
    const type = page.getByLabel('Fault', { exact: true })
    await shows('#fault-type', /latency/)
    const types = await type.locator('option').allTextContents()

    for (const name of types) {
      await type.selectOption(name)
      for (const input of await page.locator('#fault-fields input').all())
        await input.fill((await input.getAttribute('type')) === 'number' ? '1000' : 'no such thing')
      await page.getByRole('button', { name: 'Switch on' }).click()
      await until(`${name} is on`, () => neon.faults().some(({ fault }) => fault.type === name))
    }
    t.equal(neon.faults().length, types.length)
    await page.getByRole('button', { name: 'Switch all off' }).click()

    await shows('#no-faults', /^None is on$/)
    t.strictSame(neon.faults(), [])
  })

  t.test('says beside the form what is wrong with a fault', async t => {
    const { page, shows } = await open(t, browser, neon)

    await page.getByLabel('Fault', { exact: true }).selectOption('login')
    await page.getByLabel('message').fill('none')
    await page.getByRole('button', { name: 'Switch on' }).click()

    await shows('#faults .error', /^The fault login is not valid: message:/)
  })

  t.test('shows a session with its statement as text, whatever is in it, and ends it', async t => {
    const { page, shows } = await open(t, browser, neon)
    const html = '<img src=x onerror="document.title=1"><script>alert(1)</script>'
    const url = `${neon.url}?application_name=${encodeURIComponent('<b onclick=x>a</b>')}`
    const client = await connectPg(t, url)
    const ended = endOf(client)

    await client.query('BEGIN')
    await client.query(`SELECT '${html}'`)

    await shows('#session-list code', /<img src=x onerror="document\.title=1"><script>alert\(1\)<\/script>/)
    await shows('#session-list .head', /neondb_owner to neondb, <b onclick=x>a<\/b>$/)
    await shows('#session-list .session-state', /^idle in transaction for /)
    await shows('#countdown', /^A session that is not idle keeps it awake\.$/)
    t.equal(await page.locator('#session-list img, #session-list script, #session-list [onclick]').count(), 0)
    await page.getByRole('button', { name: /^End session/ }).click()

    await ended
    await shows('#no-sessions', /^None$/)
  })

  t.test('works with the keyboard alone', async t => {
    const { page, shows } = await open(t, browser, neon)
    await shows('#state', /^awake$/)

    await tabTo(page, 'suspend')
    await page.keyboard.press('Enter')
    await shows('#state', /^asleep$/)
    await tabTo(page, 'wake')
    await page.keyboard.press('Space')
    await shows('#state', /^awake$/)
    await tabTo(page, 'fault-type')
    await page.keyboard.type('tr')
    await tabTo(page, 'Switch on')
    await page.keyboard.press('Enter')
    await shows('#fault-list .head', /^truncate/)
    await page.locator('#fault-list button').focus()
    await page.keyboard.press('Enter')
    await shows('#no-faults', /^None is on$/)

    // The button has gone: the keyboard goes on from its section.
    t.equal(await focused(page), 'faults')
    await page.keyboard.press('Tab')
    t.equal(await focused(page), 'fault-type')
  })

  t.test('fits a phone, in dark and in light, with texts that can be read', async t => {
    const client = await connectPg(t, neon.url)
    await client.query(`SELECT '${'wide'.repeat(200)}'`)
    neon.inject({ type: 'login', message: `a ${'long'.repeat(100)}`, after: 1000 })
    const colours: string[] = []
    for (const colorScheme of ['dark', 'light'] as const) {
      for (const viewport of [PHONE, DESKTOP]) {
        const { page, shows } = await open(t, browser, neon, { colorScheme, viewport })
        await shows('#session-list code', /wide/)
        await shows('#fault-list .head', /long/)

        t.equal(await page.evaluate('document.documentElement.scrollWidth'), viewport.width)
        for (const text of [
          'h1',
          '.note',
          '.axis',
          '#state',
          '#event-list',
          '.cards li',
          '.met',
          'button',
          '[type=submit]'
        ])
          t.ok((await contrastOf(page, text)) >= READABLE, `${text} in ${colorScheme}`)
        colours.push(String(await page.evaluate('getComputedStyle(document.body).backgroundColor')))
      }
    }
    t.equal(new Set(colours).size, 2)
  })

  t.test('asks for its token, and takes it from the URL alone', async t => {
    const { page, shows } = await open(t, browser, { consoleUrl: `${neon.controlUrl}/console` })
    await shows('#problem', /^This page has no valid token\. Open the URL/)
    await page.goto(`${neon.controlUrl}/console#${'x'.repeat(43)}`)
    await shows('#problem', /^This page has no valid token\. Open the URL/)

    await page.goto(String(neon.consoleUrl))

    await shows('#state', /^awake$/)
    await shows('#problem', /^$/)
    t.equal(page.url(), `${neon.controlUrl}/console`, 'it does not stay where it can be seen')
    await page.reload()
    await shows('#state', /^awake$/)
  })

  t.test('goes on by itself when local Neon runs again', async t => {
    const directory = await folder(t)
    await copyCluster(directory)
    const front = await openFront(t)
    const first = await start(t, { ...WITH_CONSOLE, directory })
    front.leadTo(first)
    const { page, shows } = await open(t, browser, { consoleUrl: front.consoleUrl(first) })
    await first.suspend()
    await shows('#event-list li', /suspend asked to/)

    await first.close()
    await shows('#problem', /^Local Neon does not answer\. This page goes on when it runs again\.$/)
    const second = await start(t, { ...WITH_CONSOLE, directory })
    front.leadTo(second)

    await shows('#problem', /^$/)
    await shows('#state', /^awake$/)
    t.equal(await page.locator('#event-list li').count(), 0, 'what was before is another run')
    await second.suspend()
    await shows('#event-list li', /suspend asked to/)
  })

  t.test('lives through ten thousand events, and a hundred changes of state a second', async t => {
    const { history, consoleUrl } = await openFakeConsole(t)
    const { page, shows } = await open(t, browser, { consoleUrl })
    for (let count = 1; count <= 10_000; count += 1) {
      history.onEvent({ type: 'login-refused', message: `number ${count}` })
      if (count % 100 === 0) history.onState(count % 200 === 0 ? 'awake' : 'asleep')
      if (count % 1000 === 0) await shows('#event-list li >> nth=0', new RegExp(`number ${count}$`))
    }

    t.equal(await page.locator('#event-list li').count(), MAX_EVENTS)
    t.equal(await page.locator('#chart rect').count(), 100 + MAX_EVENTS)
  })

  t.test('cannot be used by another page, even one that knows the token', async t => {
    const { hash } = new URL(String(neon.consoleUrl))
    const page = await browser.newPage()
    t.teardown(() => page.close())
    const site = await serveHtml(t, `<title>attacker</title><iframe src="${neon.consoleUrl}"></iframe>`)
    await page.goto(site)

    const answers = await page.evaluate(`(${attack})(${JSON.stringify([neon.controlUrl, hash.slice(1)])})`)

    for (const answer of answers as string[]) t.match(answer, /^(?:refused|opaque)/)
    t.equal(neon.state, 'awake')
    t.strictSame(neon.faults(), [])
    t.notOk(
      page.frames().some(frame => frame.url().startsWith(String(neon.controlUrl))),
      'it is in no frame'
    )
  })
})

/** A port that stays, whatever becomes of the one behind it. */
async function openFront(t: Test) {
  let behind = 0
  const server = createTcpServer(socket => {
    const control = connect(behind, '127.0.0.1')
    socket.on('error', () => {}).once('close', () => control.destroy())
    control.on('error', () => {}).once('close', () => socket.destroy())
    socket.pipe(control).pipe(socket)
  })
  const { port } = await listen(server, 0)
  t.teardown(() => server.close())
  return {
    leadTo({ controlUrl }: LocalNeon) {
      behind = Number(new URL(String(controlUrl)).port)
    },
    consoleUrl({ consoleUrl }: LocalNeon) {
      return Object.assign(new URL(String(consoleUrl)), { port: String(port) }).href
    }
  }
}

async function serveHtml(t: Test, html: string): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(html)
  )
  const { port } = await listen(server, 0)
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${port}/`
}

/** In the browser: all that a page of another port can try. */
const attack = `async ([url, token]) => {
  const authorization = 'Bearer ' + token
  const json = 'application/json'
  const tries = [
    ['/suspend', { method: 'POST' }],
    ['/suspend', { method: 'POST', mode: 'no-cors' }],
    ['/suspend', { method: 'POST', headers: { authorization } }],
    ['/faults', { method: 'POST', body: '{"type":"hang"}', headers: { authorization, 'content-type': json } }],
    ['/faults', { method: 'POST', mode: 'no-cors', body: '{"type":"hang"}', headers: { 'content-type': 'text/plain' } }],
    ['/', {}],
    ['/', { mode: 'no-cors' }],
    ['/view', { headers: { authorization } }],
    ['/console', {}],
    ['/console/console.js', { mode: 'no-cors' }]
  ]
  const answers = []
  for (const [path, options] of tries)
    answers.push(await fetch(url + path, options).then(response => response.type + ' ' + path, () => 'refused ' + path))
  const form = Object.assign(document.createElement('form'), { method: 'POST', action: url + '/suspend', target: 'other' })
  const frame = Object.assign(document.createElement('iframe'), { name: 'other' })
  document.body.append(frame, form)
  const loaded = new Promise(resolve => frame.addEventListener('load', resolve))
  form.submit()
  await loaded
  return answers
}`
