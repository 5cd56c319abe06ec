/**
 * Reads a JSON document of an issuer elsewhere, with limits: a redirect, an error or too many bytes is a failure.
 */

// A hundred keys of RSA 4096; more is not a set of keys, nor metadata.
const MAX_BYTES = 128 * 1024

/** `what` answers, in the message of an error. */
export async function readIssuerDocument(url: URL, what: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, {
    // Whoever redirects could send us anywhere, in the name of the issuer.
    redirect: 'error',
    signal,
    headers: { accept: 'application/jwk-set+json, application/json' }
  })
  const { status, body } = response
  if (status !== 200 || body === null) throw new Error(`${what} answered ${status}`)
  return readText(body, what)
}

async function readText(body: ReadableStream<Uint8Array>, what: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > MAX_BYTES) throw new Error(`${what} answered more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
