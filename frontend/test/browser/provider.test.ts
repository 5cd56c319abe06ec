import { mock } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { NO_BROWSER } from '../../../test/support/browser.ts'
import { problemsInBothSchemes } from '../accessibility.ts'
import { AUDIENCE, CLIENT, openProvider, signInAtProvider } from '../provider.ts'
import { add, banner, listShown, noBanner, openStage, rowOf, titlesOf } from '../stage.ts'

const HOUR_MS = 3_600_000

t.test('sign-in with a provider of OpenID Connect', { skip: NO_BROWSER }, async t => {
  const stage = await openStage(t)
  const redirectUri = `${stage.site.origin}/`
  const provider = await openProvider(t, redirectUri)
  stage.site.settings.signIn = {
    type: 'oidc',
    issuer: provider.issuer,
    clientId: CLIENT,
    parameters: { resource: AUDIENCE }
  }
  // The issuer alone: the service finds its keys.
  await stage.api.configure({
    AUTH_ISSUER: provider.issuer,
    AUTH_AUDIENCE: AUDIENCE,
    AUTH_JWKS_URL: undefined
  })

  const visit = async (context?: BrowserContext) => {
    const page = await stage.visit(context)
    // The pages of the provider ask for a font of somebody else.
    await page.route('https://**', route => route.abort())
    return page
  }
  const signIn = async (page: Page, user: string) => {
    await page.getByRole('button', { name: 'Sign in' }).click()
    await signInAtProvider(page, user)
    await listShown(page)
  }
  const tokenOf = (page: Page): Promise<string> => page.evaluate("sessionStorage.getItem('access-token')")

  t.test(
    'gives the page a JWT for the API, by a code and PKCE, and leaves nothing in the address',
    async t => {
      const page = await visit()
      const requests: URL[] = []
      page.on('request', request => requests.push(new URL(request.url())))
      t.strictSame(await problemsInBothSchemes(page), [])

      await signIn(page, 'paula')
      await add(page, 'signed in')
      await rowOf(page, 'signed in').waitFor()

      const asked = requests.find(({ pathname }) => pathname === '/auth')?.searchParams
      t.match(Object.fromEntries(asked ?? []), {
        response_type: 'code',
        code_challenge_method: 'S256',
        code_challenge: /^[\w-]{43}$/,
        state: /^[\w-]{43}$/,
        nonce: /^[\w-]{43}$/
      })
      t.match(decodeProtectedHeader(await tokenOf(page)), { alg: 'ES256', typ: 'at+jwt' })
      t.match(decodeJwt(await tokenOf(page)), { iss: provider.issuer, aud: AUDIENCE, sub: 'paula' })
      t.equal(page.url(), redirectUri)
      await page.reload()
      await listShown(page)
      t.strictSame(await titlesOf(page), ['signed in'])
    }
  )

  t.test('keeps the filters, and ends at the provider as well', async t => {
    const page = await visit()
    await page.goto(`${redirectUri}?done=false&sort=title`)
    await signIn(page, 'pablo')
    t.equal(page.url(), `${redirectUri}?done=false&sort=title`)

    await page.getByRole('button', { name: 'Account of pablo' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    await page.getByRole('button', { name: 'Sign in' }).click()

    await page.locator('input[name=login]').waitFor()
  })

  t.test('says so when the provider is down, and goes on when it is there', async t => {
    const page = await visit()
    provider.stop()

    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').filter({ hasText: 'Sign-in failed' }).waitFor()
    t.strictSame(await problemsInBothSchemes(page), [])
    provider.start()
    await signIn(page, 'petra')

    t.equal(decodeJwt(await tokenOf(page)).sub, 'petra')
  })

  t.test('refuses an answer that this window did not ask for', async t => {
    const page = await visit()

    await page.goto(`${redirectUri}?code=stolen&state=forged`)
    await page.getByRole('alert').filter({ hasText: 'this window did not ask' }).waitFor()

    t.equal(page.url(), redirectUri)
  })

  t.test('waits while the service has no keys to check tokens with', async t => {
    const page = await visit()
    provider.hideKeys(true)
    await stage.api.restart()

    await page.getByRole('button', { name: 'Sign in' }).click()
    await signInAtProvider(page, 'peter')
    await banner(page, /cannot check your sign-in/)
    provider.hideKeys(false)
    await listShown(page)
    await noBanner(page)

    t.strictSame(await titlesOf(page), [])
  })

  t.test('goes on when the provider signs with other keys', async t => {
    const context = await stage.browser.newContext()
    const page = await visit(context)
    await signIn(page, 'pia')
    const before = decodeProtectedHeader(await tokenOf(page)).kid
    await provider.rotateKeys()
    const real = performance.now.bind(performance)
    // The service asks for keys again every half minute at most.
    performance.now = () => real() + HOUR_MS / 60
    t.teardown(() => {
      performance.now = real
    })

    const other = await visit(await stage.browser.newContext())
    await signIn(other, 'piet')
    await add(other, 'with the new key')
    await rowOf(other, 'with the new key').waitFor()

    t.not(decodeProtectedHeader(await tokenOf(other)).kid, before)
  })

  t.test('is done again when a token has expired, and brings back what was typed', async t => {
    const page = await visit()
    await signIn(page, 'pearl')
    await page.getByRole('textbox', { name: 'Notes' }).fill('half a sen')
    // The provider and the service, which are in this process.
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 2 * HOUR_MS })
    t.teardown(() => mock.timers.reset())

    await page.getByRole('combobox', { name: 'Show' }).selectOption('Open')
    await page.getByRole('button', { name: 'Sign in again as pearl' }).click()
    await page.getByRole('textbox', { name: 'New task' }).waitFor()
    await listShown(page)

    t.equal(await page.getByRole('textbox', { name: 'Notes' }).inputValue(), 'half a sen')
    await add(page, 'sent under the new token', 'half a sentence')
    await rowOf(page, 'sent under the new token').waitFor()
  })

  t.test('and no page broke the policy, was refused by CORS, or threw', async t => {
    t.strictSame(stage.failures, [])
  })
})
