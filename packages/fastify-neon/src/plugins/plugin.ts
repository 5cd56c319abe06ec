/**
 * The type of a plugin that any copy of Fastify 5 can register. Nest brings one of its own, and its instances lack what
 * this package adds to the types of the other.
 */

/** Of a method, since the parameters of methods alone may be wider here than in the plugin itself. */
export type Plugin<Options> = { register(fastify: object, options: Options): Promise<void> }['register']
