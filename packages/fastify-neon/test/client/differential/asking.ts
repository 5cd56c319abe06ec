/**
 * The ways in which a query can be handed to a client of the driver, each with its outcome.
 */
import { Client } from '@neondatabase/serverless'
import { type Outcome, printedMessage, printedResult } from './observation.ts'
import type { Asked, Style } from './sequences.ts'
import { CHANNEL } from './statements.ts'

/** The driver's `query` takes more than its types say. */
export type Query = (...given: unknown[]) => unknown

export interface Way {
  query: Query
  asked: Asked
  /** Called within the driver's own callback, or the listener. */
  onHeard: (event: 'callback' | 'end' | 'error') => void
}

interface Submittable {
  on(event: 'row' | 'end' | 'error', listener: (value: unknown) => void): void
}

// The class of queries is on that of the clients, and not in its types.
const { Query: QueryObject } = Client as unknown as { Query: new (asked: object) => Submittable }

const WAYS: Record<Style, (way: Way) => Promise<Outcome>> = {
  promise: ({ query, asked }) => outcomeOf(query(asked)),
  arguments({ query, asked }) {
    const { values, text, ...more } = asked
    return outcomeOf(
      query(Object.keys(more).length === 0 && text !== undefined ? text : { text, ...more }, values)
    )
  },
  callback: ({ query, asked, onHeard }) => called(onHeard, callback => query(asked, callback)),
  object: ({ query, asked, onHeard }) => called(onHeard, callback => query(new QueryObject(asked), callback)),
  events({ query, asked, onHeard }) {
    const object = new QueryObject(asked)
    const rows: unknown[] = []
    const outcome = new Promise<Outcome>(resolve => {
      object.on('row', row => rows.push(row))
      object.on('end', result => {
        onHeard('end')
        resolve({ answer: [printedResult(result), rows] })
      })
      object.on('error', error => {
        onHeard('error')
        resolve({ error: [printedMessage(error), rows] })
      })
    })
    query(object)
    return outcome
  }
}

/** Never rejects. */
export function askBy(style: Style, way: Way): Promise<Outcome> {
  try {
    return WAYS[style](way)
  } catch (thrown) {
    return Promise.resolve({ thrown: printedMessage(thrown) })
  }
}

export function outcomeOf(answer: unknown): Promise<Outcome> {
  return Promise.resolve(answer).then(
    result => ({ answer: printedResult(result) }),
    (error: unknown) => ({ error: printedMessage(error) })
  )
}

function called(
  onHeard: Way['onHeard'],
  ask: (callback: (error: unknown, result: unknown) => void) => void
): Promise<Outcome> {
  return new Promise(resolve => {
    ask((error, result) => {
      onHeard('callback')
      resolve(error ? { error: printedMessage(error) } : { answer: printedResult(result) })
    })
  })
}

/** What the driver is given, which changes it: so each client gets one of its own. */
export function configOf({ text, name, raw, ...more }: Asked, names: string, channel: string): Asked {
  return {
    text: text?.replaceAll(CHANNEL, channel),
    ...(name === undefined ? {} : { name: `${names} ${name}` }),
    ...(raw ? { types: { getTypeParser: () => (value: unknown) => ['raw', value] } } : {}),
    ...more
  }
}
