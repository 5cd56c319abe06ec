/**
 * Owns one session with Postgres: its login in whatever way it is asked for, its queries one
 * after the other, and its end.
 */
import {
  AUTHENTICATION,
  createSplitter,
  DATA_ROW,
  ERROR,
  errorText,
  type Login,
  passwordMessage,
  READY,
  saslInitialResponse,
  saslResponse,
  startup,
  TERMINATE
} from './messages.ts'
import { createScramClient, MECHANISM } from './scram.ts'
import type { Transport } from './transport.ts'

export interface Session {
  /** Sends a query and calls back when Postgres has answered with one row and is ready for the next one. */
  ask(query: Buffer, onAnswer: () => void): void
  /** Says good-bye and waits until Postgres has closed. */
  end(): Promise<void>
  destroy(): void
}

export interface SessionOptions {
  transport: Transport
  login: Login
  /** Called when the session breaks or gives a wrong answer. */
  onFailure: (error: Error) => void
}

/** Kinds of authentication messages. */
const OK = 0
const CLEARTEXT = 3
const SASL = 10
const SASL_CONTINUE = 11
const SASL_FINAL = 12

export async function openSession({ transport, login, onFailure }: SessionOptions): Promise<Session> {
  const answerAuthentication = createAuthentication(login)
  let rows = 0
  let isEnding = false
  let onReady = () => {}

  transport.onBytes(createSplitter(onMessage))
  transport.onClose(cause => {
    if (!isEnding) onFailure(cause ?? new Error('Postgres has closed the session'))
  })
  await new Promise<void>(resolve => {
    onReady = resolve
    transport.send(startup(login))
  })
  return { ask, end, destroy: transport.destroy }

  function ask(query: Buffer, onAnswer: () => void) {
    rows = 0
    onReady = () => (rows === 1 ? onAnswer() : onFailure(new Error(`the answer has ${rows} rows`)))
    transport.send(query)
  }

  function end(): Promise<void> {
    isEnding = true
    return new Promise(resolve => {
      transport.onClose(() => resolve())
      transport.send(TERMINATE)
    })
  }

  function onMessage(type: number, body: Buffer) {
    if (type === DATA_ROW) rows += 1
    else if (type === READY) onReady()
    else if (type === ERROR) onFailure(new Error(errorText(body)))
    else if (type === AUTHENTICATION) {
      const answer = answerAuthentication(body)
      if (answer) transport.send(answer)
    }
  }
}

/** Answers what the server asks for: nothing, a password in clear, or a proof of knowing it. */
function createAuthentication({ password }: Login): (request: Buffer) => Buffer | undefined {
  const scram = createScramClient(password)
  return request => {
    const kind = request.readInt32BE()
    const data = request.subarray(4).toString()
    if (kind === OK) return undefined
    if (kind === CLEARTEXT) return passwordMessage(password)
    if (kind === SASL) return saslInitialResponse(MECHANISM, scram.first)
    if (kind === SASL_CONTINUE) return saslResponse(scram.final(data))
    if (kind !== SASL_FINAL) throw new Error(`the server asks for authentication of kind ${kind}`)
    scram.verify(data)
    return undefined
  }
}
