/**
 * What was told of a text is kept with it: a service runs the same few statements again and again.
 */

// The memory of what is kept in one cache stays below 5 MB.
const LONGEST_TEXT = 10_000
const MOST_TEXTS = 500

/** As `tell`, which must answer the same for the same text and never undefined. Of longer texts, and of more, nothing is kept. */
export function cachedByText<T extends {}>(tell: (text: string) => T): (text: string) => T {
  const told = new Map<string, T>()
  return text => {
    const known = told.get(text)
    if (known !== undefined) return known
    const answer = tell(text)
    if (text.length > LONGEST_TEXT) return answer
    if (told.size >= MOST_TEXTS) told.clear()
    told.set(text, answer)
    return answer
  }
}
