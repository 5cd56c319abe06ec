/**
 * Owns what a button does: one request, and beside it what went wrong.
 */

/**
 * Runs it, and shows its error in the section that the button is in until the next one succeeds.
 * @param {Element} origin
 * @param {() => Promise<unknown>} request
 * @returns {Promise<boolean>} whether it was done
 */
export async function act(origin, request) {
  const place = origin.closest('section')?.querySelector('.error')
  try {
    await request()
    if (place) place.textContent = ''
    return true
  } catch (error) {
    if (place) place.textContent = error instanceof Error ? error.message : String(error)
    return false
  }
}
