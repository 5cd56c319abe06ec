/**
 * Owns the load: one user sends many searches at once, again and again and whatever is answered, while another one reads
 * a list.
 */
import { performance } from 'node:perf_hooks'

export interface Flood {
  baseUrl: string
  /** Token of the user who searches; none for the times of the bystander alone. */
  searcher?: string | undefined
  bystander: string
  seconds: number
}

export interface Flooded {
  /** Of the bystander, in order. */
  timesMs: number[]
  /** How many searches were answered with it. */
  searches: Record<string, number>
}

export const SEARCHES_AT_ONCE = 300

/** Of this user, with so many tasks; to be run as the owner of the tables. */
export const seedOf = (user: string, tasks: number) => `insert into tasks (owner, title, notes, created_at)
  select '${user}', 'Task ' || n, repeat('some words of a note ', 20), now() - n * interval '1 s'
  from generate_series(1, ${tasks}) as n`

export async function flood({ baseUrl, searcher, bystander, seconds }: Flood): Promise<Flooded> {
  const endMs = performance.now() + seconds * 1000
  const timesMs: number[] = []
  const searches: Record<string, number> = {}
  await Promise.all([read(), searcher !== undefined && search(searcher)])
  return { timesMs: timesMs.sort((one, other) => one - other), searches }

  async function read() {
    while (performance.now() < endMs) {
      const sinceMs = performance.now()
      const status = await statusOf('/tasks', bystander)
      if (status !== 200) throw new Error(`the bystander was answered ${status}`)
      timesMs.push(performance.now() - sinceMs)
    }
  }

  async function search(token: string) {
    while (performance.now() < endMs)
      await Promise.all(
        Array.from({ length: SEARCHES_AT_ONCE }, async (_, n) => {
          // Nothing has it, so that each reads as far as it may.
          const status = await statusOf(`/tasks?q=nothing-${n}`, token)
          searches[status] = (searches[status] ?? 0) + 1
        })
      )
  }

  async function statusOf(path: string, token: string): Promise<number> {
    const response = await fetch(`${baseUrl}${path}`, { headers: { authorization: `Bearer ${token}` } })
    await response.arrayBuffer()
    return response.status
  }
}

/** Of times that are in order. */
export function quantile(timesMs: readonly number[], part: number): number {
  return timesMs[Math.min(timesMs.length - 1, Math.floor(part * timesMs.length))] ?? Number.NaN
}
