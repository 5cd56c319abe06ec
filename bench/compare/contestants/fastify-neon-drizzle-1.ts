/**
 * This project on Drizzle 1.0.
 */
import './drizzle-1.ts'
import type { ContestantModule } from './contestant.ts'

export const { open }: ContestantModule = await import('./fastify-neon.ts')
