/**
 * What the list shows, in the address of the page: it survives a reload and can be sent to somebody.
 */
import type { Sort, TaskQuery } from './types.ts'

export interface Filters {
  q: string
  done: 'all' | 'true' | 'false'
  sort: Sort
}

export const SORTS: Record<Sort, string> = {
  '-createdAt': 'Newest first',
  createdAt: 'Oldest first',
  '-updatedAt': 'Last changed first',
  updatedAt: 'Last changed last',
  title: 'Title, A to Z',
  '-title': 'Title, Z to A'
}

const DEFAULT_SORT = '-createdAt'

export function readFilters(search: string): Filters {
  const parameters = new URLSearchParams(search)
  const done = parameters.get('done')
  const sort = parameters.get('sort')
  return {
    q: parameters.get('q') ?? '',
    done: done === 'true' || done === 'false' ? done : 'all',
    sort: isSort(sort) ? sort : DEFAULT_SORT
  }
}

/** As the address has it, with its question mark; empty for a list without filters. */
export function writeFilters({ q, done, sort }: Filters): string {
  const parameters = new URLSearchParams({
    ...(q !== '' && { q }),
    ...(done !== 'all' && { done }),
    ...(sort !== DEFAULT_SORT && { sort })
  })
  return parameters.size === 0 ? '' : `?${parameters}`
}

export function queryOf({ q, done, sort }: Filters): TaskQuery {
  return { sort, ...(q !== '' && { q }), ...(done !== 'all' && { done }) }
}

function isSort(text: string | null): text is Sort {
  return text !== null && Object.hasOwn(SORTS, text)
}
