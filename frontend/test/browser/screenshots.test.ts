/**
 * The pictures of docs/how-to/frontend.md, for the folder that SCREENSHOTS names; without it nothing is kept.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { NO_BROWSER } from '../../../test/support/browser.ts'
import { ROOT } from '../../../test/support/processes.ts'
import { openStage, rowOf, tick } from '../stage.ts'

const { SCREENSHOTS } = process.env
const PICTURES = ['list', 'phone', 'waking', 'conflict']

t.test('the pictures of the documentation', async t => {
  for (const name of PICTURES) t.ok(existsSync(join(ROOT, 'docs/how-to/frontend', `${name}.png`)), name)
})

t.test(
  'are made',
  { skip: NO_BROWSER || (SCREENSHOTS === undefined && 'SCREENSHOTS is not set') },
  async t => {
    const stage = await openStage(t, { DATABASE_CONNECT_TIMEOUT_MS: '1500' })
    const keep = (page: Page, name: string) =>
      page.screenshot({ path: join(`${SCREENSHOTS}`, `${name}.png`) })
    for (const task of [
      { title: 'call the bank' },
      { title: 'buy milk', notes: 'oat, two of them' },
      { title: 'water the plants', notes: 'the fern as well' }
    ])
      await stage.send('alice', 'POST', '/tasks', task)
    const page = await stage.open('alice', { viewport: { width: 760, height: 720 }, colorScheme: 'light' })
    await tick(page, 'call the bank')
    await keep(page, 'list')
    const phone = await stage.open('alice', { viewport: { width: 360, height: 720 }, colorScheme: 'dark' })
    await keep(phone, 'phone')

    await page.getByRole('button', { name: 'Edit buy milk' }).click()
    await page.getByRole('dialog').getByLabel('Notes').fill('oat, three of them')
    await phone.getByRole('button', { name: 'Edit buy milk' }).click()
    await phone.getByRole('dialog').getByLabel('Title').fill('buy milk and bread')
    await phone.getByRole('button', { name: 'Save' }).click()
    await rowOf(phone, 'buy milk and bread').waitFor()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('button', { name: 'Keep mine' }).waitFor()
    await keep(page, 'conflict')
    await page.getByRole('button', { name: 'Take the other' }).click()

    stage.neon.inject({ type: 'wake', delayMs: 5000, times: 1 })
    await stage.neon.suspend()
    await page.getByRole('textbox', { name: 'New task' }).fill('plan the weekend')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.locator('[data-wait=waking]').waitFor()
    await page.evaluate('scrollTo(0, 0)')
    await keep(page, 'waking')
  }
)
