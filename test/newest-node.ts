/**
 * `npm run test:newest`: the files whose code leans most on Node.js itself, on the newest version that is
 * promised. Its binary is an npm package.
 */
import { spawnSync } from 'node:child_process'
import { ROOT } from './support/processes.ts'
import { nodeVersions } from './workflows/workflows.ts'

/** HTTP, sockets, TLS, streams, signals and processes. */
const FILES = [
  'packages/fastify-neon/test/client/foreign-query',
  'packages/fastify-neon/test/plugins/health/health',
  'packages/fastify-neon/test/pool/pool-half-open',
  'packages/fastify-neon/test/socket/heartbeat',
  'packages/fastify-neon/test/socket/socket',
  'packages/local-neon/test/cli/parent-process',
  'test/http-attacks',
  'test/plugins/http/client-error',
  'test/server'
]

const newest = `node@${nodeVersions().at(-1)}`
const tap = ['node', 'node_modules/.bin/tap', '--disable-coverage']
const files = FILES.map(name => `${name}.test.ts`)
const { status } = spawnSync('npx', ['--yes', `--package=${newest}`, '--', ...tap, ...files], {
  cwd: ROOT,
  stdio: 'inherit'
})
process.exitCode = status ?? 1
