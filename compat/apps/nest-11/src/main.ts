import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import db from 'fastify-neon/db'
import health from 'fastify-neon/health'
import { AppModule } from './app.module'

async function bootstrap() {
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule,
    new FastifyAdapter({ logger: true })
  )
  await app.register(db, { connectionString: process.env.DATABASE_URL })
  await app.register(health)
  process.once('SIGTERM', () => app.close())
  await app.listen(process.env.PORT ?? 3000, '127.0.0.1')
}

void bootstrap()
