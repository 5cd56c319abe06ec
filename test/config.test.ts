import fc from 'fast-check'
import t from 'tap'
import { DEVELOPMENT_ISSUER, type Environment, loadConfig } from '../src/config.ts'
import { Settings } from '../src/settings.ts'

const SECRET = 's3cr3t-word'

const GOOD = {
  DATABASE_URL: `postgresql://me:${SECRET}@ep-cool-lake-123456-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require`,
  AUTH_ISSUER: 'https://issuer.test',
  AUTH_AUDIENCE: 'tasks',
  AUTH_JWKS_URL: 'https://issuer.test/jwks'
}

function messageOf(env: Environment): string {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof Error) return error.message
  }
  return ''
}

t.test('the settings', async t => {
  t.test('have a default for all but the database and the issuer', async t => {
    const config = loadConfig(GOOD)

    t.match(config, {
      host: '127.0.0.1',
      port: 3000,
      logLevel: 'info',
      drainDelayMs: 0,
      shutdownTimeoutMs: 20_000,
      database: {
        max: 10,
        maxPipelined: 10,
        pipelining: true,
        checkoutTimeoutMs: 10_000,
        connectTimeoutMs: 15_000,
        statementTimeoutMs: 10_000
      },
      isolation: { role: 'app_user', warningLevel: 'warn' },
      auth: { issuer: 'https://issuer.test', audience: 'tasks' },
      api: { rateLimitPerMinute: 600, corsOrigins: [], hasDocs: true }
    })
    t.equal(config.auth.jwksUrl?.href, 'https://issuer.test/jwks')
    t.ok(Object.isFrozen(config))
  })

  t.test('are taken from the environment, in which nothing counts as not set', async t => {
    const config = loadConfig({
      ...GOOD,
      PORT: '8080',
      HOST: '0.0.0.0',
      LOG_LEVEL: '',
      DATABASE_POOL_MAX: '3',
      DATABASE_PIPELINING: 'off'
    })

    t.match(config, {
      port: 8080,
      host: '0.0.0.0',
      logLevel: 'info',
      database: { max: 3, pipelining: false }
    })
  })

  t.test('name the role of transactions, or none', async t => {
    const roleOf = (env: Environment) => loadConfig({ ...GOOD, ...env }).database.role

    t.equal(roleOf({}), 'app_user')
    t.equal(roleOf({ DATABASE_ROLE: 'another' }), 'another')
    t.equal(roleOf({ DATABASE_ROLE: 'none' }), undefined)
  })

  t.test('are told apart in what is wrong: all problems at once, each with the fix', async t => {
    const message = messageOf({
      PORT: '99999',
      LOG_LEVEL: 'loud',
      DATABASE_POOL_MAX: 'ten',
      AUTH_ISSUER: 'x'
    })

    t.match(message, /^the settings have 6 problems:/)
    t.match(message, /- DATABASE_URL /)
    t.match(
      message,
      /- PORT must be <= 65535\n {4}Port to listen on; 0 is any free one; 3000 when it is not set/
    )
    t.match(message, /- LOG_LEVEL must be one of fatal, error, warn/)
    t.match(message, /- DATABASE_POOL_MAX must be integer/)
    t.match(message, /- AUTH_AUDIENCE is missing\n {4}The aud that tokens must have/)
    t.match(message, /- AUTH_ISSUER is not an https: URL, so its keys cannot be found/)
  })

  t.test('name one problem with a code', async t => {
    t.throws(() => loadConfig({ ...GOOD, PORT: '-1' }), {
      code: 'APP_CONFIG_INVALID',
      message: /^the settings have a problem:/
    })
  })

  t.test('never show a secret', async t => {
    const urls = [
      GOOD.DATABASE_URL.replace('require', 'disable'),
      GOOD.DATABASE_URL.replace('postgresql:', 'http:'),
      `psql '${GOOD.DATABASE_URL}'`,
      GOOD.DATABASE_URL.replace('/neondb', ''),
      `${GOOD.DATABASE_URL} `,
      SECRET
    ]
    for (const DATABASE_URL of urls) {
      const message = messageOf({ ...GOOD, DATABASE_URL, DATABASE_URL_UNPOOLED: DATABASE_URL })
      t.match(message, /- DATABASE_URL /)
      t.match(message, /- DATABASE_URL_UNPOOLED /)
      t.notOk(message.includes(SECRET))
    }
  })

  t.test('throw nothing but their own error, whatever is in the environment', async () => {
    const names = Object.keys(Settings.properties)
    const env = fc.dictionary(fc.constantFrom(...names, 'OTHER'), fc.string())
    fc.assert(
      fc.property(env, values => {
        try {
          loadConfig(values)
        } catch (error) {
          return error instanceof Error && 'code' in error && error.code === 'APP_CONFIG_INVALID'
        }
        return true
      })
    )
  })
})

t.test('the settings are checked against each other', async t => {
  t.test('a direct connection string that is a pooled one', async t => {
    t.match(
      messageOf({ ...GOOD, DATABASE_URL_UNPOOLED: GOOD.DATABASE_URL }),
      /- DATABASE_URL_UNPOOLED is a pooled/
    )
    t.ok(loadConfig({ ...GOOD, DATABASE_URL_UNPOOLED: GOOD.DATABASE_URL.replace('-pooler', '') }))
  })

  t.test('keys from a place that somebody on the way can change', async t => {
    t.match(
      messageOf({ ...GOOD, AUTH_JWKS_URL: 'http://issuer.test/jwks' }),
      /AUTH_JWKS_URL must be https: or file:/
    )
    t.match(messageOf({ ...GOOD, AUTH_JWKS_URL: 'jwks' }), /AUTH_JWKS_URL is not a URL/)
    t.ok(loadConfig({ ...GOOD, AUTH_JWKS_URL: 'http://127.0.0.1:8080/jwks' }))
    t.ok(loadConfig({ ...GOOD, AUTH_JWKS_URL: 'file:///keys/jwks.json' }))
  })

  t.test('an issuer whose keys cannot be found by its name, unless they are given', async t => {
    const { AUTH_JWKS_URL: _keys, ...found } = GOOD

    t.equal(loadConfig(found).auth.jwksUrl, undefined)
    t.ok(loadConfig({ ...found, AUTH_ISSUER: 'http://127.0.0.1:8080' }))
    for (const issuer of ['http://issuer.test', 'issuer.test', 'urn:issuer', 'file:///issuer']) {
      t.match(messageOf({ ...found, AUTH_ISSUER: issuer }), /- AUTH_ISSUER is not an https: URL/, issuer)
      t.ok(loadConfig({ ...GOOD, AUTH_ISSUER: issuer }))
    }
    const { AUTH_ISSUER: _issuer, ...neither } = found
    t.match(messageOf(neither), /^the settings have a problem:\n {2}- AUTH_ISSUER is missing/)
  })

  t.test('origins that nobody can trust, or that no browser sends', async t => {
    for (const origin of [
      '*',
      'null',
      'app.example',
      'http://app.example',
      'https://app.example/',
      'https://app.example/path',
      'https://App.example',
      'https://app.example:443',
      'https://*.app.example',
      'https://me@app.example',
      'file:///index.html'
    ]) {
      t.match(
        messageOf({ ...GOOD, CORS_ORIGINS: `https://good.example,${origin}` }),
        /CORS_ORIGINS has "/,
        origin
      )
    }
    const origins =
      'https://app.example, https://app.example:8443 ,http://localhost:5173,http://127.0.0.1:3000,'
    t.strictSame(loadConfig({ ...GOOD, CORS_ORIGINS: origins }).api.corsOrigins, [
      'https://app.example',
      'https://app.example:8443',
      'http://localhost:5173',
      'http://127.0.0.1:3000'
    ])
  })

  t.test('a Redis that is none', async t => {
    for (const url of ['127.0.0.1:6379', 'http://me:secret@redis.test', 'redis-of-mine']) {
      const message = messageOf({ ...GOOD, REDIS_URL: url })
      t.match(message, /- REDIS_URL is not a URL of a Redis/)
      t.notMatch(message, url)
    }
    for (const url of ['redis://127.0.0.1:6379', 'rediss://me:secret@redis.test'])
      t.equal(loadConfig({ ...GOOD, REDIS_URL: url }).api.redisUrl, url)
  })

  t.test('certificates that nobody checks', async t => {
    t.match(messageOf({ ...GOOD, NODE_TLS_REJECT_UNAUTHORIZED: '0' }), /NODE_TLS_REJECT_UNAUTHORIZED=0/)
  })

  t.test('a shutdown that the kubelet would cut short', async t => {
    const settings = { SHUTDOWN_TIMEOUT_MS: '25000', TERMINATION_GRACE_PERIOD_SECONDS: '26' }

    t.match(
      messageOf({ ...GOOD, ...settings }),
      /SHUTDOWN_TIMEOUT_MS must end 2000 ms before TERMINATION_GRACE_PERIOD_SECONDS/
    )
    t.doesNotThrow(() => loadConfig({ ...GOOD, ...settings, TERMINATION_GRACE_PERIOD_SECONDS: '27' }))
  })

  t.test('the drain delay of Kubernetes, when it outlasts the shutdown', async t => {
    const pod = { ...GOOD, KUBERNETES_SERVICE_HOST: '10.0.0.1' }

    t.equal(loadConfig(pod).drainDelayMs, 5000)
    t.equal(loadConfig({ ...pod, DRAIN_DELAY_MS: '100' }).drainDelayMs, 100)
    t.match(
      messageOf({ ...pod, SHUTDOWN_TIMEOUT_MS: '5000' }),
      /DRAIN_DELAY_MS must be less than SHUTDOWN_TIMEOUT_MS/
    )
  })

  t.test('a port of the probes that the traffic has', async t => {
    const ports = { ...GOOD, HOST: '0.0.0.0', PORT: '3000' }

    t.match(messageOf({ ...ports, HEALTH_PORT: '3000' }), /HEALTH_PORT is that of PORT/)
    t.strictSame(loadConfig({ ...ports, HEALTH_PORT: '3001' }).health.listen, { host: '0.0.0.0', port: 3001 })
    t.ok(loadConfig({ ...GOOD, PORT: '0', HEALTH_PORT: '0' }))
    t.equal(loadConfig(GOOD).health.listen, undefined)
  })

  t.test('a drain that outlasts the shutdown', async t => {
    t.match(
      messageOf({ ...GOOD, DRAIN_DELAY_MS: '5000', SHUTDOWN_TIMEOUT_MS: '5000' }),
      /DRAIN_DELAY_MS must be less/
    )
  })

  t.test('the development issuer, when neither the database nor the listener is on this machine', async t => {
    const development = { ...GOOD, AUTH_ISSUER: DEVELOPMENT_ISSUER }

    t.match(messageOf({ ...development, HOST: '0.0.0.0' }), /AUTH_ISSUER is the development issuer/)
    t.ok(loadConfig(development))
    t.ok(
      loadConfig({ ...development, HOST: '0.0.0.0', DATABASE_URL: 'postgresql://me:local@127.0.0.1/neondb' })
    )
  })
})

t.test('what is worth a word at start is kept for it', async t => {
  const { notices } = loadConfig({ ...GOOD, DATABASE_URL: `${GOOD.DATABASE_URL}&channel_binding=require` })

  t.ok(notices.some(({ message }) => message.includes('channel_binding')))
  t.ok(notices.some(({ message }) => message.includes('ep-cool-lake-123456')))
})
