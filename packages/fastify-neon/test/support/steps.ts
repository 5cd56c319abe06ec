/**
 * The steps of a pipeline on their way to the server, each from its Parse to its Execute, changed before they leave.
 */
import { tamperWith, type Wire } from './wire.ts'

export interface Message {
  letter: string
  body: Buffer
}

/** What leaves in place of the messages of a step. */
export type Change = (step: Message[]) => Message[]

const HEADER_BYTES = 5

/** Changes the step of this number in each pipeline that has so many, and as long as `isOn` says so. */
export function changeStep(wire: Wire, index: number, change: Change, isOn = () => true): void {
  tamperWith(wire, bytes => {
    const steps = stepsIn(bytes)
    const step = steps[index]
    if (step === undefined || !isPipeline(steps) || !isOn()) return bytes
    return bytesOf(steps.with(index, change(step)).flat())
  })
}

/** The server finds no such statement. */
export const failParse: Change = step =>
  step.map(message => (message.letter === 'P' ? parseOf('selec 1') : message))

/** It has one value more than the statement takes. */
export const failBind: Change = step =>
  step.map(message => (message.letter === 'B' ? oneMore(message) : message))

/** There is no such portal. */
export const failExecute: Change = step =>
  step.map(message =>
    message.letter === 'E' ? { letter: 'E', body: Buffer.from('none\0\0\0\0\0') } : message
  )

/** Calls this on the server, and takes the values of the step, whatever they are. */
export const callInstead =
  (call: string): Change =>
  step => {
    const values = Array.from({ length: valueCount(step) }, (_, index) => `, $${index + 1}::text`)
    return step.map(message =>
      message.letter === 'P' ? parseOf(`select ${call}${values.join('')}`) : message
    )
  }

/** The server looks at what comes next whatever became of this. */
export const withSync =
  (change: Change): Change =>
  step => [...change(step), { letter: 'S', body: Buffer.alloc(0) }]

/** The start-up message has no letter, and a Query no steps. */
function stepsIn(bytes: Buffer): Message[][] {
  const steps: Message[][] = [[]]
  if (bytes[0] === 0) return steps
  for (const message of messagesIn(bytes).messages) {
    steps.at(-1)?.push(message)
    if (message.letter === 'E') steps.push([])
  }
  return steps
}

/** Those that are whole, and where they end. */
export function messagesIn(bytes: Buffer): { messages: Message[]; end: number } {
  const messages: Message[] = []
  let end = 0
  while (end + HEADER_BYTES <= bytes.length) {
    const next = end + 1 + bytes.readUInt32BE(end + 1)
    if (next > bytes.length) break
    messages.push({
      letter: String.fromCharCode(bytes[end] ?? 0),
      body: bytes.subarray(end + HEADER_BYTES, next)
    })
    end = next
  }
  return { messages, end }
}

/** Several steps, and one Sync behind them. */
function isPipeline(steps: Message[][]): boolean {
  const last = steps.at(-1)
  return steps.length > 2 && last?.length === 1 && last[0]?.letter === 'S'
}

function bytesOf(messages: Message[]): Buffer {
  return Buffer.concat(
    messages.flatMap(({ letter, body }) => {
      const head = Buffer.alloc(HEADER_BYTES)
      head.write(letter)
      head.writeInt32BE(body.length + HEADER_BYTES - 1, 1)
      return [head, body]
    })
  )
}

function parseOf(text: string): Message {
  return { letter: 'P', body: Buffer.from(`\0${text}\0\0\0`) }
}

function valueCount(step: Message[]): number {
  const bind = step.find(({ letter }) => letter === 'B')
  return bind ? bind.body.readUInt16BE(countAt(bind)) : 0
}

function oneMore(bind: Message): Message {
  const body = Buffer.from(bind.body)
  body.writeUInt16BE(body.readUInt16BE(countAt(bind)) + 1, countAt(bind))
  return { letter: 'B', body }
}

/** Behind the names of the portal and of the statement, and the formats. PostgreSQL, "Message Formats". */
function countAt({ body }: Message): number {
  const formats = body.indexOf(0, body.indexOf(0) + 1) + 1
  return formats + 2 + 2 * body.readUInt16BE(formats)
}
