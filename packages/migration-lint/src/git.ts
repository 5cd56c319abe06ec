/**
 * Runs git without a shell.
 */
import { execFile } from 'node:child_process'

/** Resolves with what git prints. Rejects with GitError. */
export type Git = (args: readonly string[], input?: string) => Promise<Buffer>

export class GitError extends Error {
  override readonly name = 'GitError'
  /** The exit status of git, or ENOENT where there is none. */
  readonly code: unknown

  constructor(message: string, code: unknown) {
    super(message)
    this.code = code
  }
}

// The history of a folder of migrations, many times over.
const MAX_OUTPUT_BYTES = 1_000_000_000

/** `program` is for tests. */
export function gitIn(folder: string, program = 'git'): Git {
  return (args, input = '') =>
    new Promise((resolve, reject) => {
      const options = { cwd: folder, encoding: 'buffer', maxBuffer: MAX_OUTPUT_BYTES } as const
      const child = execFile(program, args, options, (error, stdout, stderr) => {
        if (error) reject(new GitError(stderr.toString().trim() || error.message, error.code))
        else resolve(stdout)
      })
      // A git that ends at once takes no input.
      child.stdin?.on('error', () => {}).end(input)
    })
}
