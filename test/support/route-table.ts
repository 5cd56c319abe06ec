/**
 * The routes of an application, as Fastify is told of them.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'

export interface TableRoute {
  method: string
  url: string
  schema: NonNullable<RouteOptions['schema']>
}

/** What `make` makes, and the routes of it: those that come later too. */
export async function withRouteTable<T>(make: () => Promise<T>): Promise<{ made: T; routes: TableRoute[] }> {
  const routes: TableRoute[] = []
  const listen = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, schema = {} }) => {
      for (const name of [method].flat()) routes.push({ method: name, url, schema })
    })
  }
  subscribe('fastify.initialization', listen)
  const made = await make().finally(() => unsubscribe('fastify.initialization', listen))
  return { made, routes }
}
