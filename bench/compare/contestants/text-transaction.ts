/**
 * Owns a transaction as the documentation of node-postgres shows it, for the pools that are like its own.
 */

interface Client {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  release(): void
}

export async function transactionOn<T>(
  pool: { connect(): Promise<Client> },
  work: (query: (text: string, values: unknown[]) => Promise<{ rows: unknown[] }>) => Promise<T>
): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const result = await work((text, values) => client.query(text, values))
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}
