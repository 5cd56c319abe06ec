/**
 * Runs a command of a workflow as it is, and makes a section in Markdown of what it wrote: for the summary of the
 * run, and as the output `section` of the step.
 *
 *     node --import ./typescript-loader.mjs .github/scripts/reported.ts TITLE LANGUAGE COMMAND …
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'

// Four sections are one comment, of which GitHub takes 65 536 characters.
const MAX_BYTES = 15_000

const { GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = process.env
const [title = '', language = '', command = '', ...args] = process.argv.slice(2)

const { text, code } = await run(command, args)
const section = `### ${title}\n\n${outcome(code)}\n\n${fenced(text.trimEnd(), language)}`
if (GITHUB_STEP_SUMMARY) appendFileSync(GITHUB_STEP_SUMMARY, `${section}\n\n`)
if (GITHUB_OUTPUT) {
  // A text that knew the delimiter could write outputs of its own.
  const delimiter = randomUUID()
  appendFileSync(GITHUB_OUTPUT, `section<<${delimiter}\n${section}\n${delimiter}\n`)
}
process.exitCode = code

async function run(command: string, args: string[]): Promise<{ text: string; code: number }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  for (const [stream, shown] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr]
  ] as const) {
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      shown.write(chunk)
    })
  }
  // A signal gives no code.
  const [code] = await once(child, 'close')
  return { text: Buffer.concat(chunks).toString(), code: code ?? 1 }
}

function outcome(code: number): string {
  return code === 0 ? 'Exit code 0.' : `**Exit code ${code}.**`
}

function fenced(text: string, language: string): string {
  const kept = cut(text, MAX_BYTES - 2 * fenceFor(text).length)
  const fence = fenceFor(kept)
  return `${fence}${language}\n${kept}\n${fence}`
}

/** Longer than any fence in the text, which therefore cannot end it. */
function fenceFor(text: string): string {
  const runs = text.match(/`+/g) ?? []
  return '`'.repeat(1 + Math.max(2, ...runs.map(run => run.length)))
}

/** At the end of a line, so that no statement looks whole that is not. */
function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  const kept = bytes.subarray(0, bytes.lastIndexOf('\n', Math.max(0, maxBytes)) + 1)
  return `${kept}… and ${bytes.length - kept.length} bytes more, which the log of the run has`
}
