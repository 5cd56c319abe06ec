/**
 * Starts the Postgres of this test run and waits until it can be used.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { addressFile } from './postgres.ts'

const SERVER = fileURLToPath(new URL('postgres-server.ts', import.meta.url))

// tap's coverage would wait for a process that outlives it.
const { NODE_V8_COVERAGE: _coverage, NODE_OPTIONS: _options, ...env } = process.env
const server = spawn(
  process.execPath,
  ['--import', './typescript-loader.mjs', SERVER, String(process.ppid), addressFile],
  {
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  }
)
const [outcome] = await Promise.race([once(server, 'message'), once(server, 'exit')])
if (outcome !== 'ready') throw new Error('the Postgres of the tests did not start')
server.unref()
