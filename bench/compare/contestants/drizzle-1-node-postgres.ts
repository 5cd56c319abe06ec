/**
 * Drizzle 1.0 on node-postgres, over TCP.
 */
import './drizzle-1.ts'
import type { ContestantModule } from './contestant.ts'

export const { open }: ContestantModule = await import('./drizzle-node-postgres.ts')
