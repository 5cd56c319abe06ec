/**
 * Owns the client's side of SCRAM-SHA-256 (RFC 5802 and 7677), without channel binding.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

export const MECHANISM = 'SCRAM-SHA-256'

export interface ScramClient {
  first: string
  /** What to send after the server's first message. */
  final(serverFirst: string): string
  /** Throws when the server does not know the password either. */
  verify(serverFinal: string): void
}

const NONCE_BYTES = 18
const KEY_BYTES = 32
/** No channel binding, and the name that the startup message has. */
const GS2_HEADER = 'n,,'

export function createScramClient(password: string): ScramClient {
  const clientFirst = `n=,r=${randomBytes(NONCE_BYTES).toString('base64')}`
  let serverSignature = ''

  return {
    first: `${GS2_HEADER}${clientFirst}`,
    final(serverFirst) {
      const { r: nonce = '', s: salt = '', i: iterations = '' } = attributesOf(serverFirst)
      const salted = pbkdf2Sync(
        password,
        Buffer.from(salt, 'base64'),
        Number(iterations),
        KEY_BYTES,
        'sha256'
      )
      const clientKey = hmac(salted, 'Client Key')
      const unproven = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${nonce}`
      const conversation = `${clientFirst},${serverFirst},${unproven}`
      const clientSignature = hmac(createHash('sha256').update(clientKey).digest(), conversation)
      serverSignature = hmac(hmac(salted, 'Server Key'), conversation).toString('base64')
      return `${unproven},p=${xor(clientKey, clientSignature).toString('base64')}`
    },
    verify(serverFinal) {
      if (attributesOf(serverFinal).v !== serverSignature)
        throw new Error('the server does not know the password')
    }
  }
}

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map(part => [part.slice(0, 1), part.slice(2)]))
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ right.readUInt8(index)))
}
