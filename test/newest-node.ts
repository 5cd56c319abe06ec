/**
 * `npm run test:newest`: the files whose code leans most on Node.js itself, on the newest version that is
 * promised. Its binary is an npm package.
 */
import { spawnSync } from 'node:child_process'
import { ROOT } from './processes.ts'
import { nodeVersions } from './workflows/workflows.ts'

/** HTTP, sockets, TLS, streams, signals and processes. */
const FILES = [
  'http-attacks',
  'local/parent',
  'neon/foreign-query',
  'neon/heartbeat',
  'neon/pipelining-client',
  'neon/pool',
  'neon/pool-half-open',
  'neon/socket',
  'plugins/client-error',
  'plugins/health',
  'server'
]

const newest = `node@${nodeVersions().at(-1)}`
const tap = ['node', 'node_modules/.bin/tap', '--disable-coverage']
const files = FILES.map(name => `test/${name}.test.ts`)
const { status } = spawnSync('npx', ['--yes', `--package=${newest}`, '--', ...tap, ...files], {
  cwd: ROOT,
  stdio: 'inherit'
})
process.exitCode = status ?? 1
