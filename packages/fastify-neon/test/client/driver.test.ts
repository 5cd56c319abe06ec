import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Client } from '@neondatabase/serverless'
import t from 'tap'
import { boundValues, DriverQuery, driverFits, findMisfit, warnOf } from '../../src/client/driver.ts'

const client = () => new Client({ host: 'localhost' })

/** An object like this one, without one of its methods. */
function without<T extends object>(object: T, name: string): T {
  return Object.create(object, { [name]: { value: undefined } })
}

/** A client of which the connection has this in place of its own. */
function clientWith(property: string, value: unknown): object {
  const whole = client()
  const connection = Object.create(Reflect.get(whole, 'connection'), { [property]: { value } })
  return Object.create(whole, { connection: { value: connection } })
}

t.test('the driver that is installed fits', async t => {
  const warnings = t.capture(process, 'emitWarning')

  t.equal(findMisfit(), undefined)
  t.equal(driverFits(), true)
  t.equal(driverFits(), true)

  t.strictSame(warnings(), [])
})

t.test('a driver does not fit', async t => {
  for (const name of [
    'query',
    '_pulseQueryQueue',
    '_errorAllQueries',
    '_handleReadyForQuery',
    '_handleErrorMessage',
    '_handleParseComplete',
    '_handleAuthCleartextPassword'
  ])
    t.test(`without client.${name}`, async t => {
      t.equal(findMisfit(without(client(), name)), `client.${name}`)
    })

  for (const name of [
    'submit',
    'prepare',
    'requiresPreparation',
    'handleRowDescription',
    'handleDataRow',
    'handleCommandComplete',
    'handleEmptyQuery',
    'handleError',
    'handleReadyForQuery'
  ])
    t.test(`without Query.${name}`, async t => {
      class Other extends DriverQuery {}
      Object.defineProperty(Other.prototype, name, { value: undefined })

      t.equal(findMisfit(client(), Other), `Query.${name}`)
    })

  for (const name of ['on', 'once', 'emit', 'removeAllListeners', 'query', 'password'])
    t.test(`without connection.${name}`, async t => {
      t.equal(findMisfit(clientWith(name, undefined)), `connection.${name}`)
    })

  for (const name of ['write', 'emit'])
    t.test(`without connection.stream.${name}`, async t => {
      const stream = without(Object(client()).connection.stream, name)

      t.equal(findMisfit(clientWith('stream', stream)), `connection.stream.${name}`)
    })

  t.test('without what they belong to', async t => {
    t.equal(findMisfit(client(), null), 'Client.Query')
    t.equal(findMisfit(without(client(), 'connection')), 'client.connection')
    t.equal(findMisfit(clientWith('stream', null)), 'connection.stream.write')
    t.equal(findMisfit(without(client(), 'queryQueue')), 'client.queryQueue')
    t.equal(findMisfit(without(client(), '_queryable')), 'client._queryable')
    t.equal(findMisfit(without(client(), '_ending')), 'client._ending')
    t.equal(findMisfit(clientWith('parsedStatements', undefined)), 'connection.parsedStatements')
  })

  t.test('when its queries do not say how values are prepared', async t => {
    class Silent extends DriverQuery {
      override submit(connection: { bind(config: object): void }) {
        connection.bind({})
        return null
      }
    }
    class Corking extends DriverQuery {
      override submit(connection: object) {
        return Reflect.get(connection, 'stream').cork()
      }
    }

    t.equal(findMisfit(client(), Silent), 'prepareValue')
    t.equal(findMisfit(client(), Corking), 'prepareValue')
  })
})

t.test('what does not fit is a warning of the process', async t => {
  const warnings = t.capture(process, 'emitWarning')

  t.equal(warnOf('client.query'), false)

  t.match(warnings(), [
    {
      args: [/^@neondatabase\/serverless .* \(client\.query\): /, { code: 'FST_NEON_DRIVER_UNKNOWN' }]
    }
  ])
  t.equal(warnOf(undefined), true)
  t.strictSame(warnings(), [])
})

t.test('values are prepared as by the driver', async t => {
  t.test('whatever they are', async t => {
    const date = new Date(Date.UTC(2026, 1, 3))
    const own = { toPostgres: (prepare: (value: unknown) => unknown) => prepare(['a', null]) }
    const bytes = new Uint8Array([1, 2, 3])

    const [text, number, boolean, bigint, json, list, custom, none, nothing, moment, binary] = boundValues([
      'text',
      1.5,
      true,
      12n,
      { a: 1 },
      ['a"', 2],
      own,
      undefined,
      null,
      date,
      bytes.subarray(1)
    ])

    t.strictSame(
      [text, number, boolean, bigint, json, list, custom, none, nothing],
      ['text', '1.5', 'true', '12', '{"a":1}', '{"a\\"","2"}', '{"a",NULL}', null, null]
    )
    t.match(moment, /^2026-02-0\dT\d\d:\d\d:00\.000[+-]\d\d:\d\d$/)
    t.type(binary, Uint8Array)
    t.strictSame([...Object(binary)], [2, 3])
  })

  t.test('and throw what the driver throws', async t => {
    const circle: Record<string, unknown> = {}
    circle.self = circle

    t.throws(() => boundValues([circle]), { name: 'TypeError' })
    t.throws(
      () =>
        boundValues([
          {
            toPostgres: () => {
              throw new RangeError('not this one')
            }
          }
        ]),
      {
        message: 'not this one'
      }
    )
  })

  t.test('and are as many as the protocol can count', async t => {
    t.equal(boundValues(Array.from({ length: 65_535 }, () => 'x')).length, 65_535)
    t.throws(() => boundValues(Array.from({ length: 65_536 }, () => 'x')), { name: 'RangeError' })
  })
})

/** First letters of the SHA-256 of each method's source. */
const SOURCES: Record<string, Record<string, string>> = {
  client: {
    query: '17aef76fa373806e',
    connect: 'dc3d34c65368e802',
    _pulseQueryQueue: 'db25cca09753a532',
    _errorAllQueries: '1d06f80822c375c4',
    _handleReadyForQuery: 'a6d5ecca3e1c6955',
    _handleErrorMessage: '6a12dfe77164af01',
    _handleErrorEvent: '91692473b137fbf3',
    _handleParseComplete: 'cdc07b135c171ccb',
    _handleAuthCleartextPassword: '5aafeef1b455a17f',
    _checkPgPass: '97effdd2f466cac0'
  },
  'the Client of pg': {
    connect: '6f763f3a96aebe51',
    _connect: 'de512c149839c6e5'
  },
  query: {
    submit: '3730b397a10d2313',
    prepare: 'cdaf4d3ee46aecce',
    requiresPreparation: '12981f7cff569032',
    handleRowDescription: 'ff1ad2b9c4cb9e49',
    handleDataRow: '906775deed4b94fb',
    handleCommandComplete: 'bd42795d988316fa',
    handleEmptyQuery: 'b92a5d6a55d8d6a8',
    handleError: 'd9b12fb1f0a52d99',
    handleReadyForQuery: 'eeb273ad32df5787'
  },
  connection: {
    query: '0416acef9cc992f4',
    password: '4298a645cf47dd1b',
    startup: '31fd95aa887c8200'
  }
}

const ADVICE =
  'read packages/fastify-neon/src/client/driver.ts and packages/fastify-neon/src/client/pipelining-client.ts against the new source of the driver, then update this test'

t.test('the driver is the one that was read', async t => {
  const manifest = new URL('../../../../node_modules/@neondatabase/serverless/package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
  const { connection } = Object(client())
  const owners: Record<string, object> = {
    client: client(),
    'the Client of pg': Object.getPrototypeOf(Client.prototype),
    query: DriverQuery.prototype,
    connection
  }

  t.equal(version, '1.2.0', ADVICE)
  for (const [owner, methods] of Object.entries(SOURCES))
    for (const [name, hash] of Object.entries(methods))
      t.equal(hashOf(owners[owner], name), hash, `${owner}.${name}: ${ADVICE}`)
})

function hashOf(owner: object | undefined, name: string): string {
  const source = String(Reflect.get(Object(owner), name))
  return createHash('sha256').update(source).digest('hex').slice(0, 16)
}
