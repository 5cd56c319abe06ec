/**
 * What the list shows: a search, which waits until the user stops typing, a filter and an order.
 */
import { useEffect, useState } from 'react'
import { type Filters, readFilters, SORTS } from '../services/task-filters.ts'

const TYPING_PAUSE_MS = 300

const DONE = { all: 'All', false: 'Open', true: 'Done' } as const

export interface TaskFiltersProps {
  filters: Filters
  onChange: (filters: Filters) => void
}

export function TaskFilters({ filters, onChange }: TaskFiltersProps) {
  const [text, setText] = useState(filters.q)

  useEffect(() => {
    if (text === filters.q) return
    const timer = setTimeout(() => onChange({ ...filters, q: text }), TYPING_PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text, filters, onChange])

  /** Read as from the address, which takes only what there is. */
  function choose(choice: { done: string } | { sort: string }) {
    onChange(readFilters(`${new URLSearchParams({ ...filters, ...choice })}`))
  }

  return (
    <search className="filters">
      <label>
        Search
        <input type="search" value={text} onChange={event => setText(event.target.value)} maxLength={200} />
      </label>
      <label>
        Show
        <select value={filters.done} onChange={event => choose({ done: event.target.value })}>
          {optionsOf(DONE)}
        </select>
      </label>
      <label>
        Order
        <select value={filters.sort} onChange={event => choose({ sort: event.target.value })}>
          {optionsOf(SORTS)}
        </select>
      </label>
    </search>
  )
}

function optionsOf(names: Record<string, string>) {
  return Object.entries(names).map(([value, name]) => (
    <option key={value} value={value}>
      {name}
    </option>
  ))
}
