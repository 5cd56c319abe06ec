/**
 * Stops the Postgres of this test run, and waits until it is gone.
 */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressFile, readServer } from './postgres.ts'

const POLL_MS = 20
const DEADLINE_MS = 15_000

const { pid } = readServer()
const deadline = AbortSignal.timeout(DEADLINE_MS)
process.kill(pid, 'SIGTERM')
// Its last act is to remove the file. Its pid may stay, where nobody collects the dead.
while (existsSync(addressFile)) {
  if (deadline.aborted) throw new Error(`the Postgres of the tests did not end: process ${pid}`)
  await sleep(POLL_MS)
}
