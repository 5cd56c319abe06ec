/**
 * Which files of the service a new project gets, which of them are the example's or the frontend's, and what is different in
 * a project that installs the packages. This is the one place that lists them.
 */
import type { Edit } from './files.ts'

/** From the root of the repository. */
export const PARTS = [
  '.dockerignore',
  '.env.example',
  '.gitignore',
  '.npmrc',
  'Dockerfile',
  'biome.json',
  'deploy/kubernetes',
  'dev',
  'drizzle',
  'drizzle.config.ts',
  'frontend',
  'src',
  'tsconfig.base.json',
  'tsconfig.json',
  'typescript-loader.mjs'
]

/** What only this repository uses. */
export const LEFT_OUT = /^frontend\/(?:dist|node_modules|test)\/|^dev\/(?:request-)?trace\.ts$/

/** The tasks. The frontend shows nothing else. */
export const EXAMPLE = [
  /^frontend\//,
  /^src\/db\/(?:schema\/)?tasks\.ts$/,
  /^src\/routes\/task-/,
  /^src\/routes\/tasks\.ts$/
]

export const FRONTEND = [/^frontend\//]

/** In every project. */
export const EDITS: Edit[] = [
  {
    file: 'drizzle.config.ts',
    find: './packages/fastify-neon/src/connection-string/host.ts',
    by: 'fastify-neon/connection-string'
  },
  {
    file: 'dev/db.ts',
    find: '../packages/fastify-neon/src/cli/main.ts',
    by: '../node_modules/fastify-neon/dist/cli/main.js'
  },
  { file: 'dev/openapi.ts', find: 'docs/openapi.json', by: 'openapi.json' },
  { file: 'dev/openapi-document.ts', find: 'docs/openapi.json', by: 'openapi.json' },
  { file: 'typescript-loader.mjs', find: /const SOURCE = .*\n\n/, by: '' },
  { file: 'typescript-loader.mjs', find: /export function resolve[\s\S]*?\n}\n\n/, by: '' },
  {
    file: 'typescript-loader.mjs',
    find: ' * Runs the TypeScript of this project, its packages included: `node --import ./typescript-loader.mjs file.ts`.\n * A package of packages/ is its sources, through a condition in its exports, and not what was built of it.\n',
    by: ' * Runs the TypeScript of this project: `node --import ./typescript-loader.mjs file.ts`.\n'
  },
  {
    file: 'typescript-loader.mjs',
    find: ' Node.js 22.18 needs only the condition.',
    by: ' Node.js 22.18 needs none of it.'
  },
  { file: 'src/plugins/openapi.ts', find: /,\n +license: \{.*\}/, by: '' },
  // The service is the only package of its project.
  {
    file: 'Dockerfile',
    find: ' Of what it leaves, only dist goes on. npm needs no other workspace than the one that is built.',
    by: ' Of what it leaves, only dist goes on.'
  },
  { file: 'Dockerfile', find: 'COPY commonjs.mjs tsconfig', by: 'COPY tsconfig' },
  {
    file: 'Dockerfile',
    find: 'COPY packages/fastify-neon/tsconfig.json packages/fastify-neon/\nCOPY packages/fastify-neon/src packages/fastify-neon/src\n',
    by: ''
  },
  { file: 'Dockerfile', find: 'npm run build:service', by: 'npx tsc -p tsconfig.json' },
  {
    file: 'Dockerfile',
    find: 'COPY packages/fastify-neon/package.json packages/fastify-neon/\nRUN npm ci\n',
    by: 'RUN npm ci --workspaces=false\n'
  },
  {
    file: 'Dockerfile',
    find: 'COPY packages/fastify-neon/package.json packages/fastify-neon/\nRUN npm ci --omit=dev --omit=optional --workspace=fastify-neon --include-workspace-root',
    by: 'RUN npm ci --omit=dev --omit=optional --workspaces=false'
  },
  {
    file: 'Dockerfile',
    find: '# node_modules/fastify-neon is a link to this folder.\nCOPY packages/fastify-neon/package.json packages/fastify-neon/\nCOPY --from=build /app/packages/fastify-neon/dist packages/fastify-neon/dist\n',
    by: ''
  },
  {
    file: '.dockerignore',
    find: '!commonjs.mjs\n!packages/fastify-neon/package.json\n!packages/fastify-neon/tsconfig.json\n!packages/fastify-neon/src\n',
    by: ''
  }
]

export const EDITS_WITHOUT_FRONTEND: Edit[] = [
  { file: 'Dockerfile', find: 'RUN npm ci --workspaces=false\n', by: 'RUN npm ci\n' },
  { file: 'Dockerfile', find: '--omit=optional --workspaces=false', by: '--omit=optional' },
  {
    file: 'dev/dev.ts',
    find: 'migrations, the service and the frontend with reload.',
    by: 'migrations, and the service with reload.'
  },
  { file: 'dev/dev.ts', find: "import type { Frontend } from '../frontend/development.ts'\n", by: '' },
  { file: 'dev/dev.ts', find: 'import { type Issuer, openIssuer }', by: 'import { openIssuer }' },
  {
    file: 'dev/dev.ts',
    find: 'let frontend: Frontend | undefined\nlet serviceUrl: string | undefined\n',
    by: ''
  },
  { file: 'dev/dev.ts', find: '  const origins = await openFrontend(issuer)\n', by: '' },
  { file: 'dev/dev.ts', find: /,\n +CORS_ORIGINS: .*/, by: '' },
  { file: 'dev/dev.ts', find: '  serviceUrl = url\n', by: '' },
  { file: 'dev/dev.ts', find: / {2}if \(frontend\) say\(.*\n/, by: '' },
  { file: 'dev/dev.ts', find: /\/\*\* Resolves with its origins[\s\S]*?\n}\n\n/, by: '' },
  { file: 'dev/dev.ts', find: '  await frontend?.close()\n', by: '' }
]

export const EDITS_WITHOUT_EXAMPLE: Edit[] = [
  {
    file: 'src/plugins/http/error-handler.ts',
    find: /import \{\n {2}ClosingError,\n[\s\S]*?\n\}/,
    by: 'import { ClosingError, IdempotencyKeyInUseError, InternalError, KeysUnavailableError }'
  },
  {
    file: 'src/plugins/http/error-handler.ts',
    find: '    error instanceof TooManySearchesError ||\n',
    by: ''
  },
  {
    file: 'src/app.ts',
    find: "import taskRoutes from './routes/tasks.ts'",
    by: "import meRoutes from './routes/me.ts'"
  },
  { file: 'src/app.ts', find: "taskRoutes, { prefix: '/tasks' }", by: "meRoutes, { prefix: '/me' }" },
  { file: 'src/db/schema.ts', find: "export * from './schema/tasks.ts'\n", by: '' },
  {
    file: 'src/errors.ts',
    find: /export const CursorInvalidError[\s\S]*?(?=export const EntityTagInvalidError)/,
    by: ''
  },
  {
    file: 'src/limits.ts',
    find: 'The largest task is 10 000 characters of notes, at most 12 bytes each as JSON escapes.',
    by: 'Of the largest request.'
  },
  { file: 'src/limits.ts', find: /\/\*\* Of the searches of one user[\s\S]*?\n}\n\n/, by: '' },
  { file: 'src/plugins/openapi.ts', find: "title: 'Tasks'", by: "title: '{{name}}'" },
  {
    file: 'src/plugins/openapi.ts',
    find: "description: 'Tasks of signed-in users.'",
    by: "description: 'For signed-in users.'"
  },
  {
    file: 'src/plugins/openapi.ts',
    find: "{ name: 'tasks', description: 'Of the signed-in user' }",
    by: "{ name: 'me', description: 'The signed-in user' }"
  },
  { file: 'dev/dev.ts', find: /\$\{url\}\/tasks/, by: `\${url}/me` },
  { file: 'dev/token-command.ts', find: 'http://127.0.0.1:3000/tasks', by: 'http://127.0.0.1:3000/me' },
  { file: 'dev/openapi-document.ts', find: "AUTH_AUDIENCE: 'tasks'", by: "AUTH_AUDIENCE: 'service'" },
  { file: '.env.example', find: 'AUTH_AUDIENCE=tasks', by: 'AUTH_AUDIENCE={{name}}' },
  {
    file: 'drizzle/0003_app-user-limits.sql',
    find: 'a temporary table called tasks',
    by: 'a temporary table'
  }
]
