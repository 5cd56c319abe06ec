import type { Page, Request } from 'playwright-core'
import t from 'tap'
import { NO_BROWSER } from '../../../test/support/browser.ts'
import { problemsInBothSchemes } from '../accessibility.ts'
import { add, banner, listShown, noBanner, openStage, rowOf, titlesOf } from '../stage.ts'

/** What the page sends to make tasks, with the answer to each. */
function creations(page: Page) {
  const requests: Request[] = []
  page.on('request', request => {
    if (request.method() === 'POST' && request.url().endsWith('/tasks')) requests.push(request)
  })
  return {
    keys: () => requests.map(request => request.headers()['idempotency-key']),
    statuses: () => Promise.all(requests.map(async request => (await request.response())?.status()))
  }
}

t.test('the page goes on by itself', { skip: NO_BROWSER }, async t => {
  // Shorter than the wake, so that the service refuses at first.
  const stage = await openStage(t, { DATABASE_CONNECT_TIMEOUT_MS: '1500' })
  const { neon, api } = stage
  const titles = async (user: string) =>
    (await stage.send(user, 'GET', '/tasks')).body.items.map(({ title }: { title: string }) => title)

  t.test('when the first click wakes the database, for 3 s', async t => {
    const page = await stage.open('wake')
    const sent = creations(page)
    neon.inject({ type: 'wake', delayMs: 3000, times: 1 })
    await neon.suspend()

    await add(page, 'wake up')
    await banner(page, /takes longer than usual/)
    t.strictSame(await page.getByLabel('Tasks that are being saved').locator('.title').allTextContents(), [
      'wake up'
    ])
    await banner(page, /The database is waking/)
    t.strictSame(await problemsInBothSchemes(page), [])
    await rowOf(page, 'wake up').waitFor()
    await noBanner(page)

    t.strictSame(await titles('wake'), ['wake up'])
    t.equal(new Set(sent.keys()).size, 1)
    t.equal((await sent.statuses()).at(-1), 201)
    t.equal(neon.meter().wakes >= 1, true)
  })

  t.test('when the acknowledgement of a COMMIT is lost: one task, not two, not none', async t => {
    const page = await stage.open('lost')
    const sent = creations(page)
    neon.inject({ type: 'commit', lose: 'acknowledgement', times: 1 })

    await add(page, 'once')
    await banner(page, /The answer was lost/)
    await rowOf(page, 'once').waitFor()
    await noBanner(page)

    t.strictSame(await sent.statuses(), [503, 201])
    t.equal(new Set(sent.keys()).size, 1)
    t.strictSame(await titles('lost'), ['once'])
  })

  t.test('when the COMMIT itself is lost: one task as well', async t => {
    const page = await stage.open('request')
    neon.inject({ type: 'commit', lose: 'request', times: 1 })

    await add(page, 'after all')
    await rowOf(page, 'after all').waitFor()
    await noBanner(page)

    t.strictSame(await titles('request'), ['after all'])
  })

  t.test('over a reload of the page, before the outcome is known', async t => {
    const page = await stage.open('reload')
    neon.inject({ type: 'commit', lose: 'acknowledgement', times: 1 })
    const sent = creations(page)

    await add(page, 'reloaded', 'with notes')
    await banner(page, /The answer was lost/)
    await page.reload()
    await rowOf(page, 'reloaded').waitFor()
    await page.getByLabel('Tasks that are being saved').waitFor({ state: 'detached' })

    t.strictSame(await titles('reload'), ['reloaded'])
    t.equal(new Set(sent.keys()).size, 1)
    await page.reload()
    await listShown(page)
    t.strictSame(await titlesOf(page), ['reloaded'])
  })

  t.test('when the service restarts', async t => {
    const page = await stage.open('restart')
    await api.stop()

    await add(page, 'meanwhile')
    await banner(page, /The server cannot be reached/)
    await api.start()
    await rowOf(page, 'meanwhile').waitFor()
    await noBanner(page)

    t.strictSame(await titles('restart'), ['meanwhile'])
  })

  t.test('when the network goes and comes', async t => {
    const page = await stage.open('offline')
    await page.context().setOffline(true)

    await add(page, 'on the train')
    await banner(page, /You are offline/)
    await add(page, 'and in the tunnel')
    await page.context().setOffline(false)
    await rowOf(page, 'on the train').waitFor()
    await rowOf(page, 'and in the tunnel').waitFor()
    await noBanner(page)

    t.strictSame((await titles('offline')).sort(), ['and in the tunnel', 'on the train'])
  })

  t.test('and what the service refuses for good is said, and can be discarded', async t => {
    const page = await stage.open('refused')

    await add(page, 'a NUL: \u0000')
    await page.getByText(/^Not saved: /).waitFor()
    t.strictSame(await problemsInBothSchemes(page), [])
    await page.getByRole('button', { name: /^Discard a NUL/ }).click()
    await page.getByText(/^Not saved: /).waitFor({ state: 'detached' })

    t.strictSame(await titles('refused'), [])
  })

  t.test('and no page broke the policy or threw', async t => {
    t.strictSame(stage.failures, [])
  })
})
