import t from 'tap'
import { NO_BROWSER } from '../../../test/support/browser.ts'
import { isTooWide, problemsInBothSchemes } from '../accessibility.ts'
import {
  add,
  banner,
  holds,
  listShown,
  noBanner,
  openStage,
  remove,
  rowOf,
  signInAs,
  tick,
  titlesOf
} from '../stage.ts'

const PHONE = { viewport: { width: 360, height: 640 } }

t.test('the tasks of a user, in a browser', { skip: NO_BROWSER }, async t => {
  // Longer than anything that is held back here.
  const stage = await openStage(t, { DATABASE_STATEMENT_TIMEOUT_MS: '60000' })

  t.test('are made, edited, ticked off and deleted', async t => {
    const page = await stage.open('alice')
    await page.getByText('No tasks yet.').waitFor()

    await add(page, 'water the plants', 'the fern as well')
    await rowOf(page, 'water the plants').waitFor()
    await page.getByRole('button', { name: 'Edit water the plants' }).click()
    await page.getByRole('dialog').getByLabel('Title').fill('water the garden')
    await page.getByRole('button', { name: 'Save' }).click()
    await rowOf(page, 'water the garden').waitFor()
    await tick(page, 'water the garden')
    const { body } = await stage.send('alice', 'GET', '/tasks')
    t.match(body.items, [{ title: 'water the garden', notes: 'the fern as well', done: true, version: 3 }])

    await remove(page, 'water the garden')
    await page.getByText('No tasks yet.').waitFor()
    t.strictSame((await stage.send('alice', 'GET', '/tasks')).body.items, [])
  })

  t.test('can be worked with by the keyboard alone', async t => {
    const page = await stage.open('keyboard')
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key)
    }
    await page.getByRole('textbox', { name: 'New task' }).focus()

    await page.keyboard.type('call the bank')
    await press('Enter')
    await rowOf(page, 'call the bank').waitFor()
    t.ok(await page.evaluate('document.activeElement.name === "title"'), 'the next one can be typed at once')
    // Notes, Add, search, filter, order, and the row.
    await press('Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Space', 'Tab', 'Enter')
    await page.getByRole('dialog', { name: 'Edit task' }).waitFor()
    await page.keyboard.type('!')
    await press('Enter')
    await rowOf(page, '!').waitFor()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    t.match(await page.evaluate('document.activeElement.textContent'), 'Edit', 'the focus is where it was')
    await press('Enter')
    await page.getByRole('dialog').waitFor()
    await press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })

    t.match((await stage.send('keyboard', 'GET', '/tasks')).body.items, [{ done: true, title: /!/ }])
  })

  t.test('are searched, filtered and sorted, in pages, and the address keeps it', async t => {
    for (let number = 1; number <= 22; number += 1)
      await stage.send('bob', 'POST', '/tasks', { title: `task ${String(number).padStart(2, '0')}` })
    const page = await stage.open('bob')
    t.equal((await titlesOf(page)).length, 20)
    t.equal((await titlesOf(page))[0], 'task 22')

    await page.getByRole('button', { name: 'Show more' }).click()
    await rowOf(page, 'task 01').waitFor()
    t.equal((await titlesOf(page)).length, 22)
    await page.getByLabel('Order').selectOption('Title, A to Z')
    await holds(page, "document.querySelector('section .title')?.textContent === 'task 01'")
    await page.getByLabel('Search').fill('task 1')
    await holds(page, "document.querySelectorAll('section .title').length === 10")
    await tick(page, 'task 11')
    await page.getByLabel('Show').selectOption('Done')
    await holds(page, "document.querySelectorAll('section .title').length === 1")
    await page.reload()
    await listShown(page)

    t.strictSame(await titlesOf(page), ['task 11'])
    t.match(page.url(), /\?q=task\+1&done=true&sort=title$/)
  })

  t.test('are searched in turn when there are too many searches at once', async t => {
    const { neon } = stage
    await stage.send('busy', 'POST', '/tasks', { title: 'findable' })
    const page = await stage.open('busy')
    const silence = neon.inject({ type: 'blackhole', direction: 'to-client', connections: 'all' })
    // One more than may run and wait, of other windows.
    const others = Array.from({ length: 11 }, () => stage.send('busy', 'GET', '/tasks?q=find'))
    t.equal((await Promise.race(others)).status, 429)

    await page.getByRole('searchbox', { name: 'Search' }).fill('find')
    await banner(page, /Too many requests/)
    silence.remove()
    await Promise.all(others)
    await noBanner(page)
    await listShown(page)

    t.strictSame(await titlesOf(page), ['findable'])
  })

  t.test('are those of the user who signs in, and nobody sees them after the sign-out', async t => {
    const page = await stage.open('carol')
    await add(page, "carol's own")
    await rowOf(page, "carol's own").waitFor()

    await page.getByRole('button', { name: 'Account of carol' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Name').waitFor()
    t.notOk(await page.getByText("carol's own").isVisible())
    await signInAs(page, 'dave')
    t.strictSame(await titlesOf(page), [])
  })

  t.test('are accessible in each state, light and dark, and fit a phone', async t => {
    await stage.send('eve', 'POST', '/tasks', {
      title: 'buy milk',
      notes: `${'long '.repeat(40)}\n${'x'.repeat(300)}`
    })
    await stage.send('eve', 'POST', '/tasks', { title: 'w'.repeat(200) })
    const page = await stage.visit(await stage.browser.newContext(PHONE))
    const check = async (state: string) => {
      t.strictSame(await problemsInBothSchemes(page), [], state)
      t.notOk(await isTooWide(page), `${state} fits`)
    }

    await page.getByLabel('Name').waitFor()
    await check('sign-in')
    await signInAs(page, 'eve')
    await tick(page, 'buy milk')
    await check('the list')
    await page.getByRole('button', { name: 'Account of eve' }).click()
    await check('the account menu')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Edit buy milk' }).click()
    await check('the editor')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Delete buy milk' }).click()
    await check('the question before a deletion')
    await page.keyboard.press('Escape')
    await page.getByLabel('Search').fill('nothing has these words')
    await page.getByText('No task matches.').waitFor()
    await check('an empty list')
  })

  t.test('and no page broke the policy, was refused by CORS, or threw', async t => {
    t.strictSame(stage.failures, [])
  })
})
