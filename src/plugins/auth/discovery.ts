/**
 * Finds the public keys of an issuer by its name alone, in the metadata that it publishes: those of OpenID Connect
 * Discovery 1.0, section 4, or else those of RFC 8414, section 3.
 */
import { isTrustedUrl } from '../../config.ts'
import { readIssuerDocument } from './issuer-document.ts'

/** Throws when neither document names keys that can be trusted. */
export async function discoverKeys(issuer: string, signal: AbortSignal): Promise<URL> {
  const failures: unknown[] = []
  for (const url of metadataUrls(new URL(issuer))) {
    try {
      return keysIn(JSON.parse(await readIssuerDocument(url, url.pathname, signal)), issuer)
    } catch (error) {
      failures.push(error)
    }
  }
  throw new AggregateError(failures, `the metadata of ${issuer} cannot be read: ${failures.join('; ')}`)
}

/** The one stands behind the path of the issuer, the other before it. */
function metadataUrls({ origin, pathname }: URL): URL[] {
  const path = pathname.replace(/\/$/, '')
  return [
    new URL(`${origin}${path}/.well-known/openid-configuration`),
    new URL(`${origin}/.well-known/oauth-authorization-server${path}`)
  ]
}

function keysIn(metadata: unknown, issuer: string): URL {
  const { issuer: named, jwks_uri: keys } = Object(metadata)
  // Metadata of another issuer would let that one sign for this one.
  if (named !== issuer) throw new Error('it names another issuer')
  if (typeof keys !== 'string' || !isTrustedUrl(keys)) throw new Error('its jwks_uri is not an https: URL')
  return new URL(keys)
}
