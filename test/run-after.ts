/**
 * Stops the Postgres of this test run.
 */
import { rm } from 'node:fs/promises'
import { addressFile, readServer } from './postgres.ts'

const { pid } = readServer()
process.kill(pid, 'SIGTERM')
await rm(addressFile)
