/**
 * Owns a contestant's process from its own side: says when it is ready, tells what it has cost, carries
 * out what it is asked for, and ends with the process that started it, kill -9 included.
 */

/** What a process answers to an order. */
export type Answer = { result: unknown } | { failure: string }

/** `carryOut` gets each order that is not for the cost. */
export function takeOrders<Order>(
  ready: object,
  close: () => Promise<void>,
  carryOut: (order: Order) => Promise<unknown> = refuse
): void {
  process.on('message', (order: Order) => {
    if (order === 'cpu') {
      const { user, system } = process.cpuUsage()
      process.send?.(user + system)
    } else answer(order)
  })
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  process.on('disconnect', stop)
  // It may have happened before anybody listened.
  if (process.connected) process.send?.(ready)
  else stop()

  async function answer(order: Order) {
    const answered: Answer = await carryOut(order).then(
      result => ({ result }),
      error => ({ failure: describe(error) })
    )
    process.send?.(answered)
  }

  function stop() {
    close().then(
      () => process.exit(),
      (error: Error) => {
        process.stderr.write(`${error.message}\n`)
        process.exit(1)
      }
    )
  }
}

async function refuse(order: unknown): Promise<never> {
  throw new TypeError(`there is nothing to do for ${JSON.stringify(order)}`)
}

/** With what is behind it, since Drizzle's own message is the statement. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`
}
