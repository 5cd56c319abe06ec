/**
 * The development issuer: a key pair on this machine, made on first use, that
 * signs tokens for whoever is at the keyboard.
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import { DEVELOPMENT_ISSUER } from '../src/config.ts'

const ALGORITHM = 'ES256'
const KEY_ID = 'development'
const AUDIENCE = 'fastify-neon'
const OWNER_ONLY = 0o600

export interface Issuer {
  /** Settings with which the service accepts the tokens. */
  settings: { AUTH_ISSUER: string; AUTH_AUDIENCE: string; AUTH_JWKS_URL: string }
  /** A token for this subject. `lifetime` as jose takes it: `8h`, `30 days`. */
  sign(subject: string, lifetime: string): Promise<string>
}

/** Makes the keys in `directory` when they are not there yet. */
export async function openIssuer(directory: string): Promise<Issuer> {
  const keyFile = join(directory, 'issuer-key.json')
  const jwksFile = join(directory, 'issuer-jwks.json')
  const jwk = existsSync(keyFile) ? await readKey(keyFile) : await makeKey(directory, keyFile)
  const { d: _private, ...publicKey } = jwk
  await rename(await writeDraft(jwksFile, { keys: [publicKey] }), jwksFile)
  const key = await importJWK(jwk, ALGORITHM)

  return {
    settings: {
      AUTH_ISSUER: DEVELOPMENT_ISSUER,
      AUTH_AUDIENCE: AUDIENCE,
      AUTH_JWKS_URL: pathToFileURL(jwksFile).href
    },
    sign: (subject, lifetime) =>
      new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID })
        .setIssuer(DEVELOPMENT_ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(lifetime)
        .sign(key)
  }
}

async function readKey(file: string): Promise<JWK> {
  return JSON.parse(await readFile(file, 'utf8'))
}

/** Two that make it at once end with the same key. */
async function makeKey(directory: string, file: string): Promise<JWK> {
  await mkdir(directory, { recursive: true })
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  const jwk = { ...(await exportJWK(privateKey)), alg: ALGORITHM, kid: KEY_ID, use: 'sig' }
  const draft = await writeDraft(file, jwk)
  // Somebody else's key, if there is one by now, is as good.
  await link(draft, file).catch(ignore)
  await unlink(draft)
  return readKey(file)
}

/** Linked or renamed when whole, so that nobody reads half a file. */
async function writeDraft(file: string, content: unknown): Promise<string> {
  const draft = `${file}.${randomUUID()}`
  await writeFile(draft, JSON.stringify(content), { mode: OWNER_ONLY })
  return draft
}

function ignore() {}
