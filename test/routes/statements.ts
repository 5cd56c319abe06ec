/**
 * The statements that read tasks, as they reach the driver, and their plans.
 */
import { Client } from '@neondatabase/serverless'
import type { Pool } from 'fastify-neon/db'
import type { Test } from 'tap'
import { NeonClient } from '../../packages/fastify-neon/src/client/client.ts'

/** The reads of tasks since the last call, by themselves and in transactions. */
export function captureStatements(t: Test) {
  const { query } = Client.prototype
  const { runPipeline } = NeonClient.prototype
  const queries = t.capture(Client.prototype, 'query', query)
  const pipelines = t.capture(NeonClient.prototype, 'runPipeline', runPipeline)
  return () =>
    [...queries(), ...pipelines()]
      .map(({ args: [query, values] }: { args: unknown[] }) => {
        const { text, values: own } = typeof query === 'object' ? Object(query) : { text: query, values }
        return { text: String(text), values: own ?? values }
      })
      .filter(({ text }) => text.includes('from "tasks"'))
}

/** The plan that a user gets, so with the policies. */
export async function explain(pool: Pool, text: string, values: unknown[]): Promise<string> {
  const client = await pool.connect()
  try {
    await client.query("begin; set local role app_user; select set_config('app.user_id', 'alice', true)")
    const { rows } = await client.query(`explain ${text}`, values)
    return rows.map(row => Object.values(row)).join('\n')
  } finally {
    await client.query('rollback')
    client.release()
  }
}
