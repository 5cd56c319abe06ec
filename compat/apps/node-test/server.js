import { build } from './app.js'

const app = await build(process.env.DATABASE_URL, { logger: true })
process.once('SIGTERM', () => app.close())
await app.listen({ port: Number(process.env.PORT) })
