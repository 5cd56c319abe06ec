/**
 * A peer that lies: any message at any point of the answers, answers twice, left out or in another order; and
 * whether anybody was told what is not theirs.
 */
import { sql } from 'drizzle-orm'
import { createDatabase } from '../../../packages/fastify-neon/src/drizzle/database.ts'
import type { NeonPool } from '../../../packages/fastify-neon/src/pool/pool.ts'
import type { Randomness } from './randomness.ts'
import { type Front, messageOf, READY_FOR_QUERY } from './tamper.ts'

const ERROR = messageOf('E', 'SERROR\0C23505\0Mthere is one already\0', [0])
const FATAL = messageOf('E', 'SFATAL\0C57P01\0Mterminating connection\0', [0])
const COLUMN = Array<number>(18).fill(0)

/** One of each type that a server may send, and some that it may not. */
const STRAYS: readonly [name: string, message: Buffer][] = [
  ['ReadyForQuery', messageOf('Z', 'I')],
  ['ReadyForQuery in a transaction', messageOf('Z', 'T')],
  ['ReadyForQuery of no status', messageOf('Z', '?')],
  ['DataRow', messageOf('D', [0, 1, 0, 0, 0, 7], 'foreign')],
  ['DataRow of more than it has', messageOf('D', [0, 1, 0, 0, 0, 99], 'foreign')],
  ['DataRow of two columns', messageOf('D', [0, 2, 0, 0, 0, 7], 'foreign', [255, 255, 255, 255])],
  ['RowDescription', messageOf('T', [0, 1], 'n\0', COLUMN)],
  ['NoData', messageOf('n')],
  ['CommandComplete', messageOf('C', 'SELECT 1\0')],
  ['CommandComplete of a COMMIT', messageOf('C', 'COMMIT\0')],
  ['EmptyQueryResponse', messageOf('I')],
  ['PortalSuspended', messageOf('s')],
  ['ParseComplete', messageOf('1')],
  ['BindComplete', messageOf('2')],
  ['CloseComplete', messageOf('3')],
  ['ParameterDescription', messageOf('t', [0, 0])],
  ['ErrorResponse', ERROR],
  ['ErrorResponse that ends the session', FATAL],
  ['ErrorResponse of nothing', messageOf('E', [0])],
  ['NoticeResponse', messageOf('N', 'SNOTICE\0C00000\0Mhello\0', [0])],
  ['NotificationResponse', messageOf('A', [0, 0, 0, 1], 'channel\0\0')],
  ['ParameterStatus', messageOf('S', 'TimeZone\0UTC\0')],
  ['BackendKeyData', messageOf('K', [0, 0, 0, 1, 0, 0, 0, 2])],
  ['AuthenticationOk', messageOf('R', [0, 0, 0, 0])],
  ['a request for the password', messageOf('R', [0, 0, 0, 3])],
  ['CopyInResponse', messageOf('G', [0, 0, 0])],
  ['CopyOutResponse', messageOf('H', [0, 0, 0])],
  ['CopyBothResponse', messageOf('W', [0, 0, 0])],
  ['CopyData', messageOf('d', 'foreign')],
  ['CopyDone', messageOf('c')],
  ['FunctionCallResponse', messageOf('V', [255, 255, 255, 255])],
  ['NegotiateProtocolVersion', messageOf('v', [0, 3, 0, 0, 0, 0, 0, 0])],
  ['what there is not', messageOf('~', 'nonsense')],
  ['less than a length', Buffer.from([0x44, 0, 0, 0, 0])]
]

/** What becomes of a message; of a ReadyForQuery, with the answer that it ends. */
export type Lie = (message: Buffer, answer: Buffer[]) => Buffer[]

const WRONGS: readonly [name: string, lie: Lie][] = [
  ['a message twice', message => [message, message]],
  ['a message left out', () => []],
  ['a message cut short', message => [message.subarray(0, -1)]],
  ['an answer twice', (message, answer) => [message, ...answer]],
  ['an answer twice, in another frame', (message, answer) => [message, Buffer.concat(answer)]]
]

const before = (stray: Buffer): Lie => {
  return message => [stray, message]
}

/** Every message in front of another one, and every wrong. */
export const LIES: readonly (readonly [name: string, lie: Lie])[] = [
  ...STRAYS.map(([name, stray]) => [name, before(stray)] as const),
  ...WRONGS
]

export interface Telling {
  /** Whether there was a message at that place. */
  readonly isTold: boolean
  end: () => void
}

/** Tells this lie at the message of that place, counted from 0 over all links; and no other. */
export function lieAt(front: Front, at: number, lie: Lie, { isOneFrame = false } = {}): Telling {
  const answers = new WeakMap<object, Buffer[]>()
  let count = 0
  const end = front.tamper({
    toClient(message, link) {
      const answer = [...(answers.get(link) ?? []), message]
      answers.set(link, message[0] === READY_FOR_QUERY ? [] : answer)
      const isNow = count === at
      count += 1
      if (!isNow) return message
      const parts = lie(message, answer)
      if (isOneFrame) return Buffer.concat(parts)
      for (const part of parts) link.send(part)
      return undefined
    }
  })
  return {
    end,
    get isTold() {
      return count > at
    }
  }
}

export interface TellingEverywhere {
  front: Front
  lies: readonly (readonly [name: string, lie: Lie])[]
  /** Whether the lie is in the frame of the message: true, false or both. @default both */
  framings?: readonly boolean[]
  /** Asks the same each time, and returns what was answered wrongly. */
  ask(): Promise<string[]>
}

/**
 * Tells each lie at each message of the answers, within its frame and in one of its own. Asks once more behind each
 * lie, without one, since it may move the answers that come later. Returns what was answered wrongly.
 */
export async function lieEverywhere({ front, lies, framings = [true, false], ask }: TellingEverywhere) {
  const wrong: string[] = []
  let told = 0
  for (const [name, lie] of lies)
    for (const isOneFrame of framings)
      for (let at = 0, isTold = true; isTold; at += 1) {
        const telling = lieAt(front, at, lie, { isOneFrame })
        const found = await ask()
        telling.end()
        found.push(...(await ask()))
        isTold = telling.isTold
        if (isTold) told += 1
        wrong.push(...found.map(answer => `${name} at ${at}: ${answer}`))
      }
  return { wrong, told }
}

// Of the messages of a busy service, so that most requests come through.
const MOST_TRUE = 500

/** From now on lies of all kinds, at random, at logins too. */
export function beginLying(front: Front, random: Randomness) {
  const answers = new WeakMap<object, Buffer[]>()
  let told = 0
  let left = random.between(1, MOST_TRUE)
  const end = front.tamper({
    toClient(message, link) {
      const answer = [...(answers.get(link) ?? []), message]
      answers.set(link, message[0] === READY_FOR_QUERY ? [] : answer)
      left -= 1
      if (left > 0) return message
      left = random.between(1, MOST_TRUE)
      told += 1
      const parts = random.oneOf(LIES)[1](message, answer)
      if (random.isOneIn100(50)) return Buffer.concat(parts)
      for (const part of parts) link.send(part)
      return undefined
    }
  })
  return {
    end,
    get told() {
      return told
    }
  }
}

/** Reads of users and of nobody, transactions and batches at once. Returns what was answered wrongly, and how many failed. */
export async function askAll(pool: NeonPool, round: number): Promise<{ wrong: string[]; failed: number }> {
  const db = createDatabase(pool)
  const questions = [0, 1, 2].flatMap(index => {
    const n = 10 * round + index
    const user = `user-${n}`
    const as = db.$withClaims({ 'app.user_id': user }, { readOnly: true })
    const whose = sql`select ${n}::int as n, current_setting('app.user_id') as claim`
    const mine = [{ n, claim: user }]
    return [
      { asked: as.execute(whose), expected: mine },
      { asked: db.execute(sql`select ${n}::int as n`), expected: [{ n }] },
      { asked: as.transaction(tx => tx.execute(whose)), expected: mine },
      { asked: db.transaction(tx => tx.execute(sql`select ${n}::int as n`)), expected: [{ n }] }
    ]
  })
  const outcomes = await Promise.allSettled(questions.map(({ asked }) => Promise.resolve(asked)))
  const wrong: string[] = []
  let failed = 0
  for (const [index, outcome] of outcomes.entries()) {
    const expected = JSON.stringify(questions[index]?.expected)
    if (outcome.status === 'rejected') failed += 1
    else if (JSON.stringify(outcome.value.rows) !== expected)
      wrong.push(`${JSON.stringify(outcome.value.rows)} in place of ${expected}`)
  }
  return { wrong, failed }
}
