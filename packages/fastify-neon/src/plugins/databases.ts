/**
 * Which databases the db plugin has registered, for the plugins that look at all of them.
 */
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../drizzle/database.ts'
import { OptionInvalidError } from '../errors/errors.ts'

export interface RegisteredDatabase {
  /** That of its decorator; of a replica, that of its database with `-replica-` and its number. */
  name: string
  pool: Pool
  /** The process is not ready without it. */
  critical: boolean
  /** That its statements work as. @default that of the login */
  role?: string | undefined
}

export interface Databases {
  /** The one that the others come after, most often `db`. */
  readonly first: RegisteredDatabase
  add(database: RegisteredDatabase): void
  find(name: string): RegisteredDatabase | undefined
  /** Calls back for each, those that come later too. */
  each(listener: (database: RegisteredDatabase) => void): void
}

// The same in each copy of this package.
const DATABASES = Symbol.for('fastify-neon.databases')

/** Those of this instance and of those around it; undefined when there is none. */
export function findDatabases(fastify: FastifyInstance): Databases | undefined {
  return Reflect.get(fastify, DATABASES)
}

/** Of a plugin that depends on the db plugin. */
export function databasesOf(fastify: FastifyInstance): Databases {
  const databases = findDatabases(fastify)
  /* c8 ignore next -- Fastify refuses a plugin without those that it depends on; this tells the compiler */
  if (!databases) throw new OptionInvalidError('no database is registered')
  return databases
}

export function addDatabase(fastify: FastifyInstance, database: RegisteredDatabase): void {
  const databases = findDatabases(fastify)
  if (databases) databases.add(database)
  else fastify.decorate(DATABASES, createDatabases(database))
}

/** Throws FST_NEON_OPTION_INVALID, which begins with the name of the option. */
export function databaseNamed(
  databases: Databases,
  name: string | undefined,
  option: string
): RegisteredDatabase {
  const database = name === undefined ? databases.first : databases.find(name)
  if (database) return database
  throw new OptionInvalidError(`${option}: no database is registered as fastify.${name} before this plugin`)
}

function createDatabases(first: RegisteredDatabase): Databases {
  const all = [first]
  const listeners: ((database: RegisteredDatabase) => void)[] = []

  return {
    first,
    add(database) {
      all.push(database)
      for (const listener of listeners) listener(database)
    },
    find: name => all.find(database => database.name === name),
    each(listener) {
      for (const database of all) listener(database)
      listeners.push(listener)
    }
  }
}
