/**
 * Verify and mask connection strings, and derive the direct one.
 */

export { verifyConnectionUrl } from './connection-url.ts'
export { errorsOf, type Finding } from './findings.ts'
export { deriveDirectUrl, isLoopbackHost } from './host.ts'
export { redact } from './redact.ts'
