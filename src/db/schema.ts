/**
 * All tables, in the one file that drizzle-kit and the Drizzle client read.
 */
export * from './schema/idempotency-keys.ts'
export * from './schema/tasks.ts'
