/**
 * What a snippet of the documentation may use without a declaration, since the text around it has it. A name that the
 * snippet declares itself is not taken from here.
 */
import type { neonConfig as driverConfig } from '@neondatabase/serverless'
import type * as operators from 'drizzle-orm'
import type * as core from 'drizzle-orm/pg-core'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ClaimedDatabase, Database } from 'fastify-neon/db'
import type neonHealth from 'fastify-neon/health'
import type { LocalNeon } from 'local-neon'
import type { WebSocket as Socket } from 'ws'
import type { ownerPolicies as policies } from '../../../src/db/schema/owner.ts'
import type neonPlugin from './plugin.ts'
import type * as tables from './schema.ts'

type App = FastifyInstance & { db: Database<typeof tables> }

export declare const app: App
export declare const fastify: App
export declare const request: FastifyRequest & { db: ClaimedDatabase<typeof tables> }
export declare const reply: FastifyReply
/** The plugin. */
export declare const db: typeof neonPlugin
export declare const neonDb: typeof neonPlugin
export declare const health: typeof neonHealth

export declare const schema: typeof tables
export declare const notes: typeof tables.notes
export declare const orders: typeof tables.orders
export declare const tasks: typeof tables.tasks
export declare const ownerPolicies: typeof policies

export declare const eq: typeof operators.eq
export declare const sql: typeof operators.sql
export declare const index: typeof core.index
export declare const pgTable: typeof core.pgTable
export declare const primaryKey: typeof core.primaryKey
/** Of a table, or of a note. */
export declare const text: typeof core.text & string
export declare const timestamp: typeof core.timestamp
export declare const uuid: typeof core.uuid

export declare const neon: LocalNeon
export declare const neonConfig: typeof driverConfig
export declare const WebSocket: typeof Socket

export declare const owner: string
export declare const title: string
/** The reader's own. */
export declare function buildApp(options: { connectionString: string }): App
/** Work in a transaction. */
export declare function transfer(tx: unknown, body: unknown): Promise<void>
