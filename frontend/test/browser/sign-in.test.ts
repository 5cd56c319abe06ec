import { mock } from 'node:test'
import t from 'tap'
import { NO_BROWSER } from '../../../test/support/browser.ts'
import { problemsInBothSchemes } from '../accessibility.ts'
import { add, openStage, rowOf } from '../stage.ts'

const HOUR_MS = 3_600_000

t.test('the session of a user', { skip: NO_BROWSER }, async t => {
  const stage = await openStage(t)

  t.test('may end while they type: nothing of it is lost', async t => {
    const page = await stage.open('anna')
    await add(page, 'buy milk')
    await rowOf(page, 'buy milk').waitFor()
    await page.getByRole('textbox', { name: 'New task' }).fill('half a sen')
    await page.getByRole('button', { name: 'Edit buy milk' }).click()
    await page.getByRole('dialog').getByLabel('Title').fill('buy oat milk')
    // The service and the issuer, which are in this process.
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 2 * HOUR_MS })
    t.teardown(() => mock.timers.reset())

    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor()
    t.strictSame(await problemsInBothSchemes(page), [])
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Sign in again as anna' }).click()
    await rowOf(page, 'buy oat milk').waitFor()

    t.match((await stage.send('anna', 'GET', '/tasks')).body.items, [{ title: 'buy oat milk', version: 2 }])
    t.equal(await page.getByRole('textbox', { name: 'New task' }).inputValue(), 'half a sen')
  })

  t.test('keeps what was typed over a reload', async t => {
    const page = await stage.open('bert')
    await add(page, 'call')
    await rowOf(page, 'call').waitFor()
    await page.getByRole('textbox', { name: 'New task' }).fill('half a sentence')
    await page.getByRole('button', { name: 'Edit call' }).click()
    await page.getByRole('dialog').getByLabel('Title').fill('call the ba')

    await page.reload()

    t.equal(await page.getByRole('dialog').getByLabel('Title').inputValue(), 'call the ba')
    await page.getByRole('dialog').getByLabel('Title').fill('call the bank')
    await page.getByRole('button', { name: 'Save' }).click()
    await rowOf(page, 'call the bank').waitFor()
    t.equal(await page.getByRole('textbox', { name: 'New task' }).inputValue(), 'half a sentence')
    await page.reload()
    await rowOf(page, 'call the bank').waitFor()
    t.equal(await page.getByRole('dialog').count(), 0)
  })

  t.test('can be ended where the service has ended it', async t => {
    const page = await stage.open('cleo')
    await page.evaluate(
      "sessionStorage.setItem('access-token', sessionStorage.getItem('access-token').slice(0, -9))"
    )
    await page.reload()

    await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()

    await page.getByLabel('Name').waitFor()
    t.equal(await page.getByRole('dialog').count(), 0)
  })

  t.test('and no page broke the policy or threw', async t => {
    t.strictSame(stage.failures, [])
  })
})
