/**
 * The part of the peers that is used here, so that types are checked where the packages of this
 * folder are not installed.
 */
declare module '@fastify/under-pressure' {
  import type { FastifyPluginAsync } from 'fastify'

  const underPressure: FastifyPluginAsync<{
    healthCheck?: () => Promise<boolean>
    healthCheckInterval?: number
    exposeStatusRoute?: string
    maxEventLoopDelay?: number
    maxEventLoopUtilization?: number
  }>
  export default underPressure
}

declare module '@godaddy/terminus' {
  import type { Server } from 'node:http'

  export function createTerminus(
    server: Server,
    options: { healthChecks: Record<string, () => Promise<unknown>> }
  ): Server
}

declare module '@nestjs/core' {
  interface ApplicationContext {
    get<T>(type: abstract new (...parameters: never[]) => T, options: { strict: boolean }): T
    close(): Promise<void>
  }

  export const NestFactory: {
    createApplicationContext(module: object, options: { logger: false }): Promise<ApplicationContext>
  }
}

declare module '@nestjs/terminus' {
  interface Attempt extends PromiseLike<object> {
    withTimeout(ms: number): Attempt
  }

  export abstract class HealthCheckService {
    check(indicators: readonly (() => Attempt)[]): Promise<object>
  }

  export abstract class HealthIndicatorService {
    check(key: string): { attempt(ping: () => Promise<void>): Attempt }
  }

  export const TerminusModule: { forRoot(options: { logger: false }): object }
}
