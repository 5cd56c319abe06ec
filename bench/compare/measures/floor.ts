/**
 * Measures the floor: the select by key straight to the socket of Postgres, by pgbench where it is installed
 * and by this folder's own load otherwise.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runLoad } from '../../endpoint/load.ts'
import { openSocket } from '../../endpoint/transport.ts'
import type { FloorName } from '../names.ts'
import { floor } from '../questions.ts'
import type { Sample } from '../samples.ts'
import type { Stage } from '../stage.ts'
import { KEY_STATEMENT } from '../works.ts'

const { MEASURE, CONNECTIONS, describe } = floor
const SECONDS = 1
const execute = promisify(execFile)

interface Floor {
  name: FloorName
  run(connections: number): Promise<{ p50Ms: number; perSecond: number }>
}

export async function measureFloor(stage: Stage, rounds: number): Promise<Sample[]> {
  const directory = await mkdtemp(join(tmpdir(), 'fastify-neon-bench-floor-'))
  try {
    const file = join(directory, 'key.sql')
    await writeFile(file, `${KEY_STATEMENT};\n`)
    const { name, run } = (await hasPgbench()) ? pgbench(stage, file) : rawProtocol(stage)
    const samples: Sample[] = []
    for (let round = 0; round < rounds; round += 1) {
      for (const connections of CONNECTIONS) {
        stage.signal.throwIfAborted()
        const figures = await run(connections)
        samples.push({
          measure: MEASURE,
          contestant: name,
          conditions: describe(connections),
          round,
          figures
        })
      }
    }
    return samples
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function hasPgbench(): Promise<boolean> {
  return execute('pgbench', ['--version']).then(
    () => true,
    () => false
  )
}

function pgbench({ neon, signal }: Stage, file: string): Floor {
  const { username, password, pathname } = new URL(neon.url)
  const place = new URLSearchParams({ host: neon.socket.directory, port: String(neon.socket.port) })
  const login = `postgresql://${username}:${password}@${pathname}?${place}`
  return {
    name: 'pgbench',
    async run(connections) {
      const load = ['--client', connections, '--time', SECONDS, '--protocol', 'extended'].map(String)
      const { stdout } = await execute('pgbench', [...load, '--no-vacuum', '--file', file, login], { signal })
      return {
        p50Ms: figureIn(stdout, /latency average = ([\d.]+) ms/),
        perSecond: figureIn(stdout, /tps = ([\d.]+)/)
      }
    }
  }
}

function figureIn(text: string, pattern: RegExp): number {
  const [, figure] = pattern.exec(text) ?? []
  if (figure === undefined) throw new Error('pgbench has not said what it measured')
  return Number(figure)
}

function rawProtocol({ neon, signal }: Stage): Floor {
  const url = new URL(neon.url)
  const login = { user: url.username, password: url.password, database: url.pathname.slice(1) }
  const path = join(neon.socket.directory, `.s.PGSQL.${neon.socket.port}`)
  return {
    name: 'raw protocol',
    async run(sessions) {
      const { p50Ms, qps } = await runLoad({
        open: () => openSocket({ path }),
        login,
        sessions,
        warmUpMs: 100,
        measureMs: SECONDS * 1000,
        onEdge: async () => {},
        signal
      })
      return { p50Ms, perSecond: qps }
    }
  }
}
