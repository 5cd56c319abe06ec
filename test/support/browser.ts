/**
 * A real Chromium, driven by playwright-core: the one that CHROMIUM names, or the first on the PATH. It is gone when
 * the test is.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import type { Test } from 'tap'
import { skipUnlessInCi } from './skip-unless-in-ci.ts'

/** What Chromium is called by Debian, by Ubuntu and Alpine, and by Google. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

const PROGRAM = process.env.CHROMIUM ?? firstOnPath()

/** Why tests in a browser are left out here; false where they are not. In CI there is no reason. */
export const NO_BROWSER =
  PROGRAM === undefined && skipUnlessInCi('no Chromium: install the package chromium, or set CHROMIUM')

/** Its pages are `browser.newPage({ viewport, colorScheme })`. */
export async function openBrowser(t: Pick<Test, 'teardown'>): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: PROGRAM })
  t.teardown(() => browser.close())
  return browser
}

function firstOnPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  return folders.flatMap(folder => NAMES.map(name => join(folder, name))).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
