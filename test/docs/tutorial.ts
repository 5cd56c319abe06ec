/**
 * Runs a tutorial from top to bottom, as its reader does, in an empty folder:
 *
 * - A block that begins with a comment of a file name, such as `// app.js`, is written to that file. A `…` in it stands for
 *   what was printed before.
 * - A block `console` has commands behind `$ `, and below each what it prints. A line `…` stands for any lines, and `…` in a
 *   line for any text. Without such lines any output will do. A command that fails is followed by `$ echo $?`.
 * - A block `console NAME` belongs to another terminal, in which a command runs until the line `^C`. Without a command it
 *   shows what that terminal prints meanwhile.
 *
 * The ports of the page are replaced by free ones.
 */
import { execFile } from 'node:child_process'
import { appendFileSync, createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { type Child, startChild, within } from '../../compat/child.ts'
import { cleanEnvironment } from '../../compat/packages.ts'
import { type Fence, fencesOf, fileOf } from './fences.ts'

export interface Reader {
  /** Empty, and the reader's own. */
  folder: string
  /** Our packages, by name, in place of those of the registry. */
  tarballs: Map<string, string>
}

// An installation on a busy machine with an empty cache.
const DEADLINE_MS = 300_000

/** That of the local Neon, that of its control interface, and that of the reader's application. */
const PORTS = ['54320', '54319', '3000']

export async function runTutorial(t: Test, page: string, { folder, tarballs }: Reader): Promise<void> {
  const ports = await freePorts(PORTS.length)
  const text = page.replace(new RegExp(`\\b(?:${PORTS.join('|')})\\b`, 'g'), port =>
    String(ports[PORTS.indexOf(port)])
  )
  const settings = join(dirname(folder), 'settings')
  mkdirSync(settings, { recursive: true })
  // In a terminal curl shows no progress.
  writeFileSync(join(settings, '.curlrc'), 'silent\nshow-error\n')
  const env = {
    ...cleanEnvironment(),
    CURL_HOME: settings,
    LOCAL_NEON_PORT: String(ports[0]),
    LOCAL_NEON_CONTROL_PORT: String(ports[1]),
    NO_COLOR: '1',
    npm_config_prefer_offline: 'true'
  }
  const log = createWriteStream(`${folder}.log`)
  const terminals = new Map<string, Child>()
  let printed = ''
  let exitCode = 0

  t.teardown(async () => {
    for (const child of terminals.values()) child.kill()
    await Promise.all([...terminals.values()].map(({ ended }) => ended))
    log.end()
  })

  for (const fence of fencesOf(text)) {
    if (fileOf(fence)) write(fence)
    else if (fence.language === 'console' && fence.info) await runInTerminal(fence)
    else if (fence.language === 'console') await runAlone(fence)
  }
  if (exitCode !== 0) throw new Error(`the last command ended with ${exitCode}`)

  function write(fence: Fence) {
    const { name, isAtTheEnd } = fileOf(fence) ?? { name: '', isAtTheEnd: false }
    const file = join(folder, name)
    const content = fence.text.replace(/^.*….*$/gm, line => lastLineLike(line))
    mkdirSync(dirname(file), { recursive: true })
    if (isAtTheEnd) appendFileSync(file, `\n${content}`)
    else writeFileSync(file, content)
  }

  /** Of all that was printed; the line of the page itself when there is none. */
  function lastLineLike(line: string): string {
    const lines = printed.split('\n').map(line => line.trim())
    return lines.reverse().find(candidate => patternOf(line).test(candidate)) ?? line
  }

  async function runAlone(fence: Fence) {
    for (const { command, expected } of commandsIn(fence)) {
      if (exitCode !== 0 && !command.includes('$?'))
        throw new Error(`the command before ended with ${exitCode}: ${command}`)
      const output = await run(command)
      if (expected) match(output, `^${sourceOf(expected)}$`, `${fence.line}: ${command}`)
    }
  }

  async function run(command: string): Promise<string> {
    const script = `exec 2>&1\n(exit ${exitCode})\n${translated(command)}`
    log.write(`$ ${command}\n`)
    const output = await new Promise<string>((resolve, reject) => {
      execFile('sh', ['-c', script], { cwd: folder, env, timeout: DEADLINE_MS }, (error, stdout) => {
        if (error && typeof error.code !== 'number') reject(error)
        exitCode = Number(error?.code ?? 0)
        resolve(stdout)
      })
    })
    log.write(output)
    printed += `${output}\n`
    return output
  }

  async function runInTerminal(fence: Fence) {
    const name = fence.info
    for (const part of fence.text.split(/^(?=\^C$|\$ )/m)) {
      if (part.startsWith('^C')) await interrupt(name)
      else if (part.startsWith('$ ')) {
        const [{ command, expected }] = commandsIn({ ...fence, text: part }) as [Command]
        const child = startChild(translated(command), { cwd: folder, env, log })
        terminals.set(name, child)
        await shows(name, expected)
      } else if (part.trim()) await shows(name, part.trim())
    }
  }

  /** Among all that the command there has printed, or prints next: of two lines in a log it is chance which comes first. */
  async function shows(name: string, expected: string) {
    const child = terminals.get(name)
    if (!child) throw new Error(`nothing runs in the terminal ${name}`)
    const ended = child.ended.then(exit => {
      throw new Error(`it ended with ${exit}`)
    })
    try {
      const found = await within(
        DEADLINE_MS,
        'not printed',
        Promise.race([child.said(new RegExp(`(${sourceOf(expected)})`)), ended])
      )
      printed += `${found}\n`
    } catch (cause) {
      throw new Error(`the terminal ${name} did not print\n${expected}\nbut\n${child.output()}`, { cause })
    }
    t.pass(`the terminal ${name} shows ${expected.trim()}`)
  }

  async function interrupt(name: string) {
    const child = terminals.get(name)
    if (!child) throw new Error(`nothing runs in the terminal ${name}`)
    child.interrupt()
    await within(DEADLINE_MS, `the terminal ${name} was not ended by ^C`, child.ended)
    terminals.delete(name)
  }

  function match(output: string, source: string, title: string) {
    const found = output
      .split('\n')
      .map(line => line.trimEnd())
      .join('\n')
      .trim()
    if (!t.ok(new RegExp(source).test(found), title, { found, pattern: source }))
      throw new Error(`not as on the page, line ${title}\n${found}`)
  }

  /** With our packages as they are here. */
  function translated(command: string): string {
    if (!command.startsWith('npm install')) return command
    return command.replace(/(?<= )[\w-]+(?= |$)/g, word => tarballs.get(word) ?? word)
  }
}

interface Command {
  command: string
  expected: string
}

/** A command goes on in the next line behind a backslash. */
function commandsIn({ text }: Fence): Command[] {
  return text
    .split(/^(?=\$ )/m)
    .filter(part => part.startsWith('$ '))
    .map(part => {
      const [, command = '', expected = ''] = /^\$ ((?:.*\\\n)*.*)\n?([\s\S]*)$/.exec(part) ?? []
      return { command, expected: expected.trim() }
    })
}

function patternOf(line: string): RegExp {
  return new RegExp(`^${sourceOf(line)}$`)
}

/** A regular expression of what is expected, in which `…` is anything. */
function sourceOf(expected: string): string {
  return expected
    .split('\n')
    .map(line => line.trimEnd().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .map(line => (line === '…' ? '(?:.*\\n)*?.*' : line.replaceAll('…', '.*')))
    .join('\\s*\\n')
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      return server
    })
  )
  const ports = servers.map(server => Object(server.address()).port as number)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
