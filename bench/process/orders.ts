/**
 * Owns a contestant's process from its own side: says when it is ready, tells what it has cost,
 * and ends with the process that started it, kill -9 included.
 */

export function takeOrders(ready: object, close: () => Promise<void>): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  })
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  process.on('disconnect', stop)
  // It may have happened before anybody listened.
  if (process.connected) process.send?.(ready)
  else stop()

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
