import { DatabaseError } from '@neondatabase/serverless'
import t, { type Test } from 'tap'
import { WebSocketServer } from 'ws'
