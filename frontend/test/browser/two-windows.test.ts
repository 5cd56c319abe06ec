import type { Page } from 'playwright-core'
import t from 'tap'
import { NO_BROWSER } from '../../../test/support/browser.ts'
import { problemsInBothSchemes } from '../accessibility.ts'
import { add, clickAndAwait, listShown, openStage, remove, rowOf, type Stage, tick } from '../stage.ts'

/** Two windows of one user, who see one task in both. */
async function openTwo(stage: Stage, user: string): Promise<[Page, Page]> {
  const first = await stage.open(user)
  await add(first, 'buy milk')
  await rowOf(first, 'buy milk').waitFor()
  const second = await stage.open(user)
  return [first, second]
}

async function startEdit(page: Page, title: string, text: string) {
  await page.getByRole('button', { name: `Edit ${title}` }).click()
  await page.getByRole('dialog').getByLabel('Title').fill(text)
}

async function saveEdit(page: Page, title: string, text: string) {
  await startEdit(page, title, text)
  await page.getByRole('button', { name: 'Save' }).click()
}

t.test('two windows that change one task', { skip: NO_BROWSER }, async t => {
  const stage = await openStage(t)
  const taskOf = async (user: string) => (await stage.send(user, 'GET', '/tasks')).body.items[0]

  t.test('show both versions to the second, who keeps theirs', async t => {
    const [first, second] = await openTwo(stage, 'mine')
    await startEdit(second, 'buy milk', 'buy oat milk')
    await saveEdit(first, 'buy milk', 'buy two milk')
    await rowOf(first, 'buy two milk').waitFor()

    await second.getByRole('button', { name: 'Save' }).click()
    const dialog = second.getByRole('dialog', { name: 'Changed in two places' })
    await dialog.waitFor()
    t.match(await dialog.getByRole('region', { name: 'Your version' }).textContent(), 'buy oat milk')
    t.match(await dialog.getByRole('region', { name: 'The other version' }).textContent(), 'buy two milk')
    t.equal((await taskOf('mine')).title, 'buy two milk', 'nothing is overwritten without being asked')
    t.strictSame(await problemsInBothSchemes(second), [])
    await dialog.getByRole('button', { name: 'Keep mine' }).click()
    await rowOf(second, 'buy oat milk').waitFor()

    t.match(await taskOf('mine'), { title: 'buy oat milk', version: 3 })
    await second.reload()
    await listShown(second)
    t.equal(await second.getByRole('dialog').count(), 0, 'nothing of it is left to decide')
  })

  t.test('let the second take the other version, or edit on', async t => {
    const [first, second] = await openTwo(stage, 'theirs')
    await startEdit(second, 'buy milk', 'mine')
    await saveEdit(first, 'buy milk', 'theirs')
    await rowOf(first, 'theirs').waitFor()

    await second.getByRole('button', { name: 'Save' }).click()
    await second.getByRole('button', { name: 'Edit mine' }).click()
    const title = second.getByRole('dialog', { name: 'Edit task' }).getByLabel('Title')
    t.equal(await title.inputValue(), 'mine')
    await saveEdit(first, 'theirs', 'theirs again')
    await rowOf(first, 'theirs again').waitFor()
    await second.getByRole('button', { name: 'Save' }).click()
    await second.getByRole('button', { name: 'Take the other' }).click()
    await rowOf(second, 'theirs again').waitFor()

    t.match(await taskOf('theirs'), { title: 'theirs again', version: 3 })
  })

  t.test('say when one has deleted what the other changes, and can make it again', async t => {
    const [first, second] = await openTwo(stage, 'gone')
    await startEdit(second, 'buy milk', 'still wanted')
    await remove(first, 'buy milk')
    await first.getByText('No tasks yet.').waitFor()

    await second.getByRole('button', { name: 'Save' }).click()
    await second.getByText('was deleted somewhere else').waitFor()
    await second.getByRole('button', { name: 'Make it again' }).click()
    await rowOf(second, 'still wanted').waitFor()

    t.match(await taskOf('gone'), { title: 'still wanted', version: 1 })
  })

  t.test('ask before a deletion takes what the other has changed', async t => {
    const [first, second] = await openTwo(stage, 'deletion')
    await tick(first, 'buy milk')

    await remove(second, 'buy milk')
    await second.getByText('changed somewhere else meanwhile').waitFor()
    t.match(await taskOf('deletion'), { done: true })
    await clickAndAwait(second, 'DELETE', second.getByRole('button', { name: 'Delete it' }))
    await second.getByText('No tasks yet.').waitFor()

    t.equal(await taskOf('deletion'), undefined)
  })

  t.test('agree without a question when they did the same', async t => {
    const [first, second] = await openTwo(stage, 'same')
    await tick(first, 'buy milk')
    const readAgain = second.waitForResponse(
      response => /tasks\/[\da-f-]{36}$/.test(response.url()) && response.request().method() === 'GET'
    )
    await tick(second, 'buy milk')
    t.equal((await readAgain).status(), 200)
    t.ok(await second.getByRole('checkbox', { name: 'buy milk' }).isChecked())

    t.equal(await second.getByRole('dialog').count(), 0)
    t.match(await taskOf('same'), { done: true, version: 2 })
  })

  t.test('and no page broke the policy or threw', async t => {
    t.strictSame(stage.failures, [])
  })
})
