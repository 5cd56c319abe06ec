/**
 * Owns the files of the console as a browser gets them: those of the folder `console` beside `src`, which need no build.
 */
import { readFile } from 'node:fs/promises'
import { RequestError } from './request-error.ts'

/** For every answer: nothing but these files runs, no other page has it in a frame, and no cache keeps it. */
export const SECURITY_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'"
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store'
}

const FOLDER = new URL('../../console/', import.meta.url)
const INDEX = 'index.html'
const TYPES = new Map([
  ['html', 'text/html; charset=utf-8'],
  ['css', 'text/css; charset=utf-8'],
  ['js', 'text/javascript; charset=utf-8'],
  ['svg', 'image/svg+xml']
])
/** One folder, and nothing that could lead out of it. */
const NAME = /^[a-z-]+\.(html|css|js|svg)$/

/** The page itself has no name. */
export async function readPage(name: string): Promise<{ type: string; content: Buffer }> {
  const file = name === '' ? INDEX : name
  const type = TYPES.get(NAME.exec(file)?.[1] ?? '')
  if (type === undefined) throw notFound(file)
  const content = await readFile(new URL(file, FOLDER)).catch(() => {
    throw notFound(file)
  })
  return { type, content }
}

function notFound(file: string): RequestError {
  return new RequestError(404, `the console has no file ${file}`)
}
