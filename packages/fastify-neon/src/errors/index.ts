/**
 * Every error that the package throws, and what it knows of an error of the database.
 */

export { ConnectionFailure } from './connection-failure.ts'
export * from './errors.ts'
export { DatabaseFailure, describeFailure, describeServerError, findFailure } from './failure.ts'
