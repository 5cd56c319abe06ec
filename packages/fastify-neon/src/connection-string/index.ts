/**
 * Verify and mask connection strings.
 */

export { verifyConnectionUrl } from './connection-url.ts'
export { errorsOf, type Finding } from './findings.ts'
export { isLoopbackHost } from './host.ts'
export { redact } from './redact.ts'
