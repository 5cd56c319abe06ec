/**
 * Shown when the page cannot start at all.
 */
export function Failure({ error }: { error: unknown }) {
  return (
    <main className="narrow">
      <h1>Tasks</h1>
      <p role="alert">The page cannot start: {error instanceof Error ? error.message : String(error)}</p>
      <button type="button" onClick={() => location.reload()}>
        Try again
      </button>
    </main>
  )
}
