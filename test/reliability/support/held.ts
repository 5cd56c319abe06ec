/**
 * Statements that are under way for as long as a test likes.
 */
import type { Test } from 'tap'
import { until } from '../../support/app.ts'
import { countWaiting, holdTable } from '../../support/postgres.ts'
import type { Service } from './service.ts'

export interface Held<T> {
  /** What the requests come to, once they are let go. */
  answers: Promise<T>
  /** Lets the statements run to their end. */
  release(): Promise<void>
}

/** Sends requests, and resolves when the first statement on the tasks of each waits on the server. */
export async function holdStatements<T extends readonly unknown[]>(
  t: Test,
  { databaseUrl }: Service,
  send: () => readonly [...{ [K in keyof T]: Promise<T[K]> }]
): Promise<Held<T>> {
  const release = await holdTable(t, databaseUrl)
  const sent = send()
  const answers = Promise.all(sent)
  // Those that fail meanwhile are looked at later.
  answers.catch(() => {})
  await until(async () => (await countWaiting(databaseUrl)) >= sent.length)
  return { answers, release }
}
