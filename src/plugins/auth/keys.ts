/**
 * The public keys of an issuer elsewhere: fetched when a token needs them, kept, and fetched again when they
 * are old or lack a key, never more often than the issuer can bear.
 */
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import { KeysUnavailableError } from '../../errors.ts'
import { readIssuerDocument } from './issuer-document.ts'

export interface RemoteKeysOptions {
  /** Where they are: asked each time that they are fetched. */
  locate: (signal: AbortSignal) => URL | Promise<URL>
  /** A clock that never jumps, in ms. @default performance.now */
  now?: () => number
  /** Told once when the keys cannot be loaded, until they can. */
  onFailure: (error: unknown) => void
}

// For the keys, and to find them: an answer within a round trip or two. Whoever waits longer is told to come back.
const TIMEOUT_MS = 5000
// A key that the issuer took away is refused after so long.
const MAX_AGE_MS = 10 * 60_000
// An issuer that is down must not end every session at once.
const MAX_STALE_MS = 60 * 60_000
// A token with an unknown key costs its sender nothing, so it must not cost the issuer a request each.
const COOLDOWN_MS = 30_000
// While there are no keys at all, nobody can sign in.
const RETRY_MS = 1000

type LocalKeys = ReturnType<typeof createLocalJWKSet>

/** As jose takes it. Throws jose's errors of a token, and APP_KEYS_UNAVAILABLE when there are no keys to judge it by. */
export function createRemoteKeys({
  locate,
  onFailure,
  now = () => performance.now()
}: RemoteKeysOptions): JWTVerifyGetKey {
  let keys: LocalKeys | undefined
  let loadedAtMs = 0
  let triedAtMs = Number.NEGATIVE_INFINITY
  let loading: Promise<void> | undefined
  let isFailing = false

  return async (header, token) => {
    if (ageMs() >= MAX_AGE_MS) await load(keys ? COOLDOWN_MS : RETRY_MS)
    const known = keysOrThrow()
    try {
      return await known(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await load(COOLDOWN_MS)
      return keysOrThrow()(header, token)
    }
  }

  function ageMs() {
    return keys ? now() - loadedAtMs : Number.POSITIVE_INFINITY
  }

  function keysOrThrow(): LocalKeys {
    if (keys && ageMs() < MAX_STALE_MS) return keys
    throw new KeysUnavailableError()
  }

  /** One at a time, and not before `pauseMs` have passed since the last try. Whether it worked, `keys` tells. */
  async function load(pauseMs: number) {
    if (loading === undefined && now() - triedAtMs < pauseMs) return
    loading ??= fetchKeys().finally(() => {
      loading = undefined
    })
    await loading
  }

  async function fetchKeys() {
    triedAtMs = now()
    await readSet(locate).then(
      set => {
        keys = set
        loadedAtMs = now()
        isFailing = false
      },
      (error: unknown) => {
        if (!isFailing) onFailure(error)
        isFailing = true
      }
    )
  }
}

async function readSet(locate: RemoteKeysOptions['locate']): Promise<LocalKeys> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  return createLocalJWKSet(
    JSON.parse(await readIssuerDocument(await locate(signal), 'the key server', signal))
  )
}
