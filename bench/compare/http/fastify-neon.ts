/**
 * This project's service as it is.
 */
import { buildApp } from '../../../src/app.ts'
import { type AppOptions, configOf } from './app.ts'

export function build(options: AppOptions) {
  return buildApp({ config: configOf(options) })
}
