/**
 * `npm install` in the new project, by the npm that runs this command where there is one.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/* c8 ignore start -- runs npm, which takes too long for npm test (test/soak/create.soak.ts) */
/** Rejects when npm fails, and when it is aborted. */
export async function install(folder: string, signal: AbortSignal): Promise<void> {
  const flags = ['install', '--no-audit', '--no-fund']
  const { npm_execpath: npm } = process.env
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm, ...flags]] : ['npm', flags]
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    // On Windows npm is a script.
    shell: command === 'npm' && process.platform === 'win32'
  })
  const stop = () => child.kill()
  signal.addEventListener('abort', stop)
  // Also when it is aborted: until npm has ended it writes into the folder.
  const [code, endedBy] = await once(child, 'exit').finally(() => signal.removeEventListener('abort', stop))
  signal.throwIfAborted()
  if (code !== 0)
    throw new Error(`npm install failed with ${endedBy ?? `exit code ${code}`}: its output is above.`)
}
