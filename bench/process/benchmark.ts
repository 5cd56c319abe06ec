/**
 * Owns the frame of a benchmark: its processes end with it, also when it fails or is told to stop.
 */
import { onStopSignal } from '../../packages/local-neon/src/cli/stop-signals.ts'
import { type ContestantProcess, startProcess } from './process.ts'

export interface Benchmark {
  /** Resolves when the process says that it is ready. Rejects when the benchmark is to stop. */
  start<Ready extends object>(file: URL, ...parameters: string[]): Promise<ContestantProcess<Ready>>
  /** Aborted when the benchmark is to stop. */
  signal: AbortSignal
}

/** Runs it and ends this process, with 1 when it rejects. */
export async function runBenchmark(run: (benchmark: Benchmark) => Promise<void>): Promise<never> {
  const stop = new AbortController()
  const processes: ContestantProcess<object>[] = []
  onStopSignal(() => stop.abort(new Error('stopped')))
  try {
    await run({ start, signal: stop.signal })
  } catch (error) {
    process.exitCode = 1
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  } finally {
    await Promise.all(processes.map(started => started.end()))
  }
  // The watch on signals would keep the process.
  return process.exit()

  async function start<Ready extends object>(file: URL, ...parameters: string[]) {
    const started = await startProcess<Ready>(file, ...parameters)
    processes.push(started)
    stop.signal.throwIfAborted()
    return started
  }
}
