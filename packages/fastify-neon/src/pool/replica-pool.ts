/**
 * The pool on a read replica, which takes connections of the primary's pool while the replica cannot be reached.
 */
import type { Pipeline, PipelineResult } from '../client/pipeline.ts'
import type { FailureKind } from '../errors/errors.ts'
import { toFailure } from '../errors/failure.ts'
import {
  type CheckedOutClient,
  type CheckoutOptions,
  NeonPool,
  type NeonPoolOptions,
  type PipelineOptions,
  type PoolEvent
} from './pool.ts'

/** No connection could be made. */
const UNREACHABLE: FailureKind[] = [
  'unreachable',
  'waking',
  'tooManyConnections',
  'outOfResources',
  'refused',
  'connectFailed'
]

export class ReplicaPool extends NeonPool {
  override readonly isReplica = true
  readonly #primary: NeonPool
  #isReachable = false

  constructor(options: NeonPoolOptions, primary: NeonPool) {
    // The primary answers in the meantime.
    super({ ...options, connectPatienceMs: 0 })
    this.#primary = primary
    this.observe(event => this.#note(event))
  }

  /** False before the first connection, and from a failure to connect with no connection open to the next one. */
  get isReachable(): boolean {
    return this.#isReachable
  }

  /** A connection of the replica itself; opens one when there is none. Throws a DatabaseFailure. */
  checkoutOwn(): Promise<CheckedOutClient> {
    return super.checkout()
  }

  override async checkout(options?: CheckoutOptions): Promise<CheckedOutClient> {
    if (this.#isReachable) {
      try {
        return await super.checkout(options)
      } catch (error) {
        if (!isUnreachable(error)) throw error
      }
    }
    this.report({ type: 'replica-fallback' })
    return this.#primary.checkout(options)
  }

  override async runPipeline(
    createPipeline: () => Pipeline,
    options?: PipelineOptions
  ): Promise<PipelineResult[]> {
    if (this.#isReachable) {
      let isSent = false
      try {
        return await super.runPipeline(() => {
          isSent = true
          return createPipeline()
        }, options)
      } catch (error) {
        if (isSent || !isUnreachable(error)) throw error
      }
    }
    this.report({ type: 'replica-fallback' })
    return this.#primary.runPipeline(createPipeline, options)
  }

  #note({ type }: PoolEvent) {
    if (type === 'connected') this.#isReachable = true
    // With connections open it is there, and takes no more of them.
    if (type === 'connect-failed' && this.totalCount === 0) this.#isReachable = false
  }
}

function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.includes(toFailure(error, 'connect').kind)
}
