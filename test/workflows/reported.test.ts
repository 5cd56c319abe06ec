/**
 * A section in Markdown of what a command wrote, whatever it wrote.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runProgram } from '../support/processes.ts'

const MOST_BYTES = 15_000

/** Runs this JavaScript as the command. */
async function report(t: Test, code: string, language = 'sql') {
  const folder = t.testdir({ output: '', summary: '' })
  const [outputFile, summaryFile] = [join(folder, 'output'), join(folder, 'summary')]
  const { ended, output } = runProgram(t, '.github/scripts/reported.ts', {
    args: ['A title', language, process.execPath, '--eval', code],
    env: { GITHUB_OUTPUT: outputFile, GITHUB_STEP_SUMMARY: summaryFile }
  })
  const exit = await ended
  const written = readFileSync(outputFile, 'utf8')
  const [, delimiter = '', section = ''] = /^section<<(\S+)\n([\s\S]*)\n\1\n$/.exec(written) ?? []
  return { exit, output: output(), section, delimiter, summary: readFileSync(summaryFile, 'utf8') }
}

t.test('a reported command', async t => {
  t.test('is a section for the comment and for the summary, and writes what it writes', async t => {
    const { exit, output, section, summary } = await report(t, `console.log('ALTER TABLE x;')`)

    t.equal(exit, 0)
    t.equal(output, 'ALTER TABLE x;\n')
    t.equal(section, '### A title\n\nExit code 0.\n\n```sql\nALTER TABLE x;\n```')
    t.equal(summary, `${section}\n\n`)
  })

  t.test('fails as the command does, and its words on both streams are there', async t => {
    const code = `console.log('to see'); console.error('in the way'); process.exitCode = 20`

    const { exit, section } = await report(t, code, 'text')

    t.equal(exit, 20)
    t.match(section, '**Exit code 20.**')
    t.match(section, 'to see')
    t.match(section, 'in the way')
  })

  t.test('that was killed has failed', async t => {
    const { exit } = await report(t, `process.kill(process.pid, 'SIGKILL')`)

    t.equal(exit, 1)
  })

  t.test('cannot end its fence, nor the output', async t => {
    const { section, delimiter } = await report(
      t,
      "console.log('`'.repeat(3) + '\\n<!-- -->\\n' + '`'.repeat(5))"
    )

    t.ok(section.includes(`${'`'.repeat(6)}sql\n\`\`\`\n<!-- -->\n${'`'.repeat(5)}\n${'`'.repeat(6)}`))
    t.match(delimiter, /^[0-9a-f-]{36}$/)
  })

  t.test('that writes much is cut at the end of a line, and so that four are one comment', async t => {
    const { section, output } = await report(t, `for (let i = 0; i < 3000; i++) console.log('läng ' + i)`)

    t.ok(Buffer.byteLength(section) < MOST_BYTES + 300)
    t.match(section, /\nläng \d+\n… and \d+ bytes more, which the log of the run has\n```$/)
    t.match(output, 'läng 2999\n')
  })

  t.test('is cut by the length of its fence as well', async t => {
    const few = await report(t, "console.log('one\\n' + '`'.repeat(7400) + '\\n' + 'x'.repeat(900))")
    const many = await report(t, "console.log('one\\n' + '`'.repeat(14000))")

    for (const { section } of [few, many]) t.ok(Buffer.byteLength(section) < MOST_BYTES + 300)
    t.match(many.section, /```sql\n… and 14004 bytes more/)
  })
})
