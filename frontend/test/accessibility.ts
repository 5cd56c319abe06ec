/**
 * What axe finds wrong with a page.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

interface Findings {
  violations: { id: string; help: string; nodes: { html: string }[] }[]
}

/** One line each; none when it is accessible. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // The debugger evaluates it, which the policy of the page does not refuse.
  await page.evaluate(AXE)
  const { violations } = await page.evaluate<Findings>('axe.run()')
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`)
}

/** In both colour schemes. */
export async function problemsInBothSchemes(page: Page): Promise<string[]> {
  const problems: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    problems.push(...(await accessibilityProblems(page)).map(problem => `${colorScheme}: ${problem}`))
  }
  return problems
}

/** True when a part of the page can only be reached by scrolling sideways. */
export function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate('document.documentElement.scrollWidth > innerWidth')
}
