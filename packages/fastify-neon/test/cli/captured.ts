/**
 * A command in this process, with what it prints; what goes to stderr stands behind what came before it.
 */
import type { Terminal } from '../../src/cli/terminal.ts'

type Command = (args: string[], terminal: Terminal) => Promise<number>

export function captured(command: Command) {
  return async (env: Record<string, string>, ...args: string[]) => {
    let text = ''
    const print = (line: string) => {
      text += `${line}\n`
    }
    const code = await command(args, { env, print, printError: print })
    return { code, text }
  }
}
