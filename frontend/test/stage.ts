/**
 * A page in Chromium, the built frontend and the service, each on an origin of its own, on a local Neon that can be told to fail.
 */
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import root, { type Test } from 'tap'
import { type Issuer, openIssuer } from '../../dev/token-issuer.ts'
import { applyMigrations } from '../../packages/fastify-neon/src/migrations/migrations.ts'
import { listen } from '../../packages/local-neon/src/listen.ts'
import type { LocalNeon } from '../../packages/local-neon/src/local-neon.ts'
import { start as startNeon } from '../../packages/local-neon/test/fixtures/sandbox.ts'
import { buildApp } from '../../src/app.ts'
import { type Config, type Environment, loadConfig } from '../../src/config.ts'
import { captureLog, NO_LIMIT, until } from '../../test/support/app.ts'
import { openBrowser } from '../../test/support/browser.ts'
import { buildFrontend, type Site, serveFrontend } from './site.ts'

const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))
/** Keeps what the banner says, of which some is gone before a test can look. */
const RECORD = `window.said = []
new MutationObserver(() => {
  const text = document.querySelector('[role=status]')?.textContent
  if (text && said.at(-1) !== text) said.push(text)
}).observe(document, { subtree: true, childList: true, characterData: true })`

// A busy machine takes a multiple of what a quiet one does.
const DEADLINE_MS = 60_000

export interface Stage {
  neon: LocalNeon
  browser: Browser
  site: Site
  api: Api
  issuer: Issuer
  /** A window of this user's own, who is signed in and sees the list. */
  open(user: string, options?: Parameters<Browser['newContext']>[0]): Promise<Page>
  /** The frontend as it is for nobody. */
  visit(context?: BrowserContext): Promise<Page>
  /** Sends a request as this user, beside the browser. */
  send(user: string, method: string, path: string, body?: object): Promise<Sent>
  /** What no page may do: break the policy, or throw. */
  failures: string[]
}

export interface Sent {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of a body is what it asserts
  body: any
}

export interface Api {
  url: string
  stop(): Promise<void>
  start(): Promise<void>
  /** Starts with these settings and those of the stage. */
  configure(env: Environment): Promise<void>
  restart(): Promise<void>
}

let shared: Promise<Stage> | undefined

/** One for all test files of this process, each with these settings of the service and with users of its own. */
export async function openStage(t: Pick<Test, 'teardown'>, env: Environment = {}): Promise<Stage> {
  shared ??= setStage()
  const stage = await shared
  const { browser, site, neon, api, failures } = stage
  failures.length = 0
  await api.configure(env)
  t.teardown(async () => {
    neon.clearFaults()
    site.settings.signIn = { type: 'development' }
    await Promise.all(browser.contexts().map(context => context.close()))
  })
  return stage
}

/** It is there until the process ends. */
async function setStage(): Promise<Stage> {
  const [neon, browser] = await Promise.all([
    startNeon(root, { suspendAfterMs: 0, wakeDelayMs: 0, wakeJitterMs: 0 }),
    openBrowser(root),
    buildFrontend()
  ])
  await applyMigrations({ url: neon.url, folder: MIGRATIONS })
  const issuer = await openIssuer(root.testdir({}))
  const site = await serveFrontend(root, user => issuer.sign(user, '1h'))
  const settings = { DATABASE_URL: neon.url, ...issuer.settings, CORS_ORIGINS: site.origin }
  const api = await serveApi(root, { ...NO_LIMIT, ...settings })
  site.settings.apiUrl = api.url
  const failures: string[] = []
  return { neon, browser, site, api, issuer, open, visit, send, failures }

  async function open(user: string, options?: Parameters<Browser['newContext']>[0]) {
    const page = await visit(await browser.newContext(options))
    await signInAs(page, user)
    return page
  }

  async function visit(context?: BrowserContext) {
    const page = await (context ?? (await browser.newContext())).newPage()
    page.setDefaultTimeout(DEADLINE_MS)
    await page.addInitScript(RECORD)
    page.on('pageerror', error => failures.push(error.message))
    page.on('console', message => {
      if (/Content Security Policy|Cross-Origin|CORS/.test(message.text())) failures.push(message.text())
    })
    await page.goto(site.origin)
    return page
  }

  async function send(user: string, method: string, path: string, body?: object): Promise<Sent> {
    const response = await fetch(`${api.url}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
      headers: {
        authorization: `Bearer ${await issuer.sign(user, '1h')}`,
        ...(body && { 'content-type': 'application/json' })
      }
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  }
}

export async function signInAs(page: Page, user: string) {
  await page.getByLabel('Name').fill(user)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await listShown(page)
}

/** Resolves when the page has read the list. */
export async function listShown(page: Page) {
  await page.locator('section[aria-busy=false]').waitFor()
}

/** In this process, at one port through all starts; not started yet. */
async function serveApi(t: Test, base: Environment): Promise<Api> {
  const port = await freePort()
  let config: Config
  let app: FastifyInstance | undefined
  t.teardown(stop)
  return { url: `http://127.0.0.1:${port}`, stop, start, restart, configure }

  async function stop() {
    await app?.close()
    app = undefined
  }

  async function start() {
    app = await buildApp({ config, logStream: captureLog(`${base.DATABASE_URL}`).stream })
    await app.listen({ host: config.host, port })
  }

  async function restart() {
    await stop()
    await start()
  }

  function configure(env: Environment) {
    config = loadConfig({ ...base, PORT: `${port}`, ...env })
    return restart()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const { port } = await listen(server, 0)
  await new Promise(resolve => server.close(resolve))
  return port
}

/** The titles of the list, from top to bottom. */
export function titlesOf(page: Page): Promise<string[]> {
  return page.locator('section[aria-label=Tasks] .title').allTextContents()
}

export function rowOf(page: Page, title: string) {
  return page.locator('section[aria-label=Tasks] .task', { hasText: title })
}

export async function add(page: Page, title: string, notes = '') {
  await page.getByRole('textbox', { name: 'New task' }).fill(title)
  if (notes !== '') await page.getByRole('textbox', { name: 'Notes' }).fill(notes)
  await page.getByRole('button', { name: 'Add', exact: true }).click()
}

/** Resolves when the banner has said these words since the page was loaded, for however short a time. */
export async function banner(page: Page, words: RegExp) {
  await holds(page, `said.some(text => ${words}.test(text))`)
}

/** Ticks a task off, or takes that back. Resolves when it is answered. */
export function tick(page: Page, title: string) {
  return clickAndAwait(page, 'PATCH', page.getByRole('checkbox', { name: title }))
}

/** Deletes a task, and says so when asked. Resolves when it is answered. */
export async function remove(page: Page, title: string) {
  await page.getByRole('button', { name: `Delete ${title}` }).click()
  await clickAndAwait(page, 'DELETE', page.getByRole('dialog').getByRole('button', { name: 'Delete' }))
}

/** Clicks, and resolves when the request of this method is answered: the page shows what it expects before that. */
export async function clickAndAwait(page: Page, method: string, target: Locator) {
  await Promise.all([
    page.waitForResponse(response => response.request().method() === method),
    target.click()
  ])
}

/** Resolves when this is true in the page, whose policy lets Playwright's own wait for it not run. */
export function holds(page: Page, expression: string): Promise<void> {
  return until(() => page.evaluate<boolean>(expression))
}

/** Resolves when nothing waits any more. */
export function noBanner(page: Page) {
  return page.locator('[role=status]:not([data-wait])').waitFor({ state: 'attached' })
}
