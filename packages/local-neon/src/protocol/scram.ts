/**
 * Owns the check of a password against what Postgres keeps of it (RFC 5802, RFC 7677): in the
 * clear, or by the exchange of SCRAM-SHA-256, in which the password never crosses the wire.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { authentication, FRONTEND, readMessage, UnexpectedMessageError } from './messages.ts'

const derive = promisify(pbkdf2)

/** What stands in pg_authid.rolpassword. */
export interface Verifier {
  iterations: number
  salt: Buffer
  storedKey: Buffer
  serverKey: Buffer
}

const DIGEST = 'sha256'
const KEY_BYTES = 32
/** Of the initial response, between the mechanism and the response itself. */
const LENGTH_BYTES = 4
const NONCE_BYTES = 18
const SALT_BYTES = 16
const ITERATIONS = 4096
const MECHANISM = 'SCRAM-SHA-256'
const BOUND_MECHANISM = 'SCRAM-SHA-256-PLUS'
/** The header of a client that binds its login to the certificate of the server. */
const BOUND_HEADER = 'p=tls-server-end-point,,'
/** AuthenticationSASL, …Continue and …Final. */
const SASL = 10
const SASL_CONTINUE = 11
const SASL_FINAL = 12

/** As many as OpenSSL counts. */
const MAX_ITERATIONS = 2 ** 31 - 1

const FORM = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$/

/** Undefined for a role without a password, or with one of the old kind. */
export function parseVerifier(text: string | undefined): Verifier | undefined {
  const [, iterations, salt, storedKey, serverKey] = FORM.exec(text ?? '') ?? []
  if (!salt || !storedKey || !serverKey) return undefined
  const count = Number(iterations)
  if (count < 1 || count > MAX_ITERATIONS) return undefined
  return {
    iterations: count,
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64')
  }
}

/** True when the password is the one the verifier was made of. */
export async function matches(password: string, verifier: Verifier): Promise<boolean> {
  const { salt, iterations, storedKey } = verifier
  const salted = await derive(password.normalize('NFKC'), salt, iterations, KEY_BYTES, DIGEST)
  return isEqual(sha256(hmac(salted, 'Client Key')), storedKey)
}

/**
 * Lets the client prove that it knows the password. False when it does not. Without a verifier
 * the exchange takes place all the same, so that nobody learns which roles there are. With a
 * channel binding the client may prove as well that nobody is between the two.
 */
export async function exchange(
  client: Duplex,
  verifier: Verifier | undefined,
  channelBinding?: Buffer
): Promise<boolean> {
  const { salt, iterations, storedKey, serverKey } = verifier ?? unknownRole()
  const mechanisms = channelBinding ? [BOUND_MECHANISM, MECHANISM] : [MECHANISM]
  client.write(authentication(SASL, `${mechanisms.join('\0')}\0\0`))
  const first = initialResponse(await response(client), mechanisms)
  const nonce = first.nonce + randomBytes(NONCE_BYTES).toString('base64')
  const challenge = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
  client.write(authentication(SASL_CONTINUE, challenge))

  const final = String(await response(client))
  const withoutProof = final.slice(0, final.lastIndexOf(',p='))
  const proof = Buffer.from(attribute(final, 'p'), 'base64')
  const exchanged = `${first.bare},${challenge},${withoutProof}`
  const clientKey = xor(proof, hmac(storedKey, exchanged))
  const bound = Buffer.concat([
    Buffer.from(first.header),
    first.header === BOUND_HEADER && channelBinding ? channelBinding : Buffer.alloc(0)
  ])
  const isWhole =
    attribute(final, 'r') === nonce &&
    attribute(final, 'c') === bound.toString('base64') &&
    proof.length === KEY_BYTES
  if (!isWhole || verifier === undefined || !isEqual(sha256(clientKey), storedKey)) return false
  client.write(authentication(SASL_FINAL, `v=${hmac(serverKey, exchanged).toString('base64')}`))
  return true
}

/** SASLInitialResponse: the mechanism, a length, and `n,,n=user,r=nonce`. */
function initialResponse(
  body: Buffer,
  mechanisms: readonly string[]
): { header: string; bare: string; nonce: string } {
  const end = body.indexOf(0)
  const mechanism = body.toString('utf8', 0, Math.max(end, 0))
  if (!mechanisms.includes(mechanism)) throw new UnexpectedMessageError('that mechanism was not offered')
  const text = body.toString('utf8', end + 1 + LENGTH_BYTES)
  const bare = text.replace(/^[^,]*,[^,]*,/, '')
  const header = text.slice(0, text.length - bare.length)
  // RFC 5802, section 6: a client that could bind, and believes that it was not offered, was lied to.
  const mayBeDowngraded = header.startsWith('y') && mechanisms.includes(BOUND_MECHANISM)
  if (mayBeDowngraded || (mechanism === BOUND_MECHANISM) !== (header === BOUND_HEADER))
    throw new UnexpectedMessageError('that channel binding does not belong to the mechanism')
  return { header, bare, nonce: attribute(bare, 'r') }
}

async function response(client: Duplex): Promise<Buffer> {
  const { type, body } = await readMessage(client)
  if (type !== FRONTEND.PASSWORD) throw new UnexpectedMessageError('a password was expected')
  return body
}

function attribute(text: string, name: string): string {
  const found = text.split(',').find(part => part.startsWith(`${name}=`))
  if (found === undefined) throw new UnexpectedMessageError('that is no SCRAM message')
  return found.slice(name.length + 1)
}

function unknownRole(): Verifier {
  const key = Buffer.alloc(KEY_BYTES)
  return { iterations: ITERATIONS, salt: randomBytes(SALT_BYTES), storedKey: key, serverKey: key }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac(DIGEST, key).update(text).digest()
}

function sha256(data: Buffer): Buffer {
  return createHash(DIGEST).update(data).digest()
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(right.map((byte, at) => byte ^ (left[at] ?? 0)))
}

function isEqual(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}
