/**
 * Owns the loading of the library that makes certificates. It is loaded when the first one is
 * asked for, since most projects never need it.
 */
import type * as Library from '@peculiar/x509'
import { LocalNeonError } from '../failure.ts'

export type X509 = typeof Library

/** Answers the library; throws an error that names what to install when it is not there. */
export async function loadX509(load: () => Promise<X509> = importX509): Promise<X509> {
  try {
    return await load()
  } catch (cause) {
    throw new LocalNeonError(
      'LOCAL_NEON_UNSUPPORTED',
      'TLS needs the packages @peculiar/x509 and reflect-metadata: ' +
        'run npm install --save-dev @peculiar/x509@2 reflect-metadata@0.2',
      { cause }
    )
  }
}

async function importX509(): Promise<X509> {
  // The library throws when nobody has extended the global Reflect before it.
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}
