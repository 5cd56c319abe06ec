import { Controller, Get } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import type { FastifyAdapter } from '@nestjs/platform-fastify'
import { sql } from 'drizzle-orm'
import type { FastifyInstance } from 'fastify'

@Controller('work')
export class WorkController {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  @Get()
  async work() {
    const { db } = this.host.httpAdapter.getInstance<FastifyInstance>()
    const { rows } = await db.transaction(tx => tx.execute(sql`select 'hello' as greeting`))
    return rows[0]
  }
}
