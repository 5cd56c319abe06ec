/**
 * The page of a signed-in user.
 */
import { useCallback, useEffect, useState } from 'react'
import { AccountMenu } from '../components/account-menu.tsx'
import { ConflictDialog } from '../components/conflict-dialog.tsx'
import { DeleteDialog } from '../components/delete-dialog.tsx'
import { EditDialog } from '../components/edit-dialog.tsx'
import { NewTaskForm } from '../components/new-task-form.tsx'
import { PendingTasks } from '../components/pending-tasks.tsx'
import { SignInDialog } from '../components/sign-in-dialog.tsx'
import { TaskFilters } from '../components/task-filters.tsx'
import { TaskList } from '../components/task-list.tsx'
import { WaitBanner } from '../components/wait-banner.tsx'
import type { Session } from '../services/sign-in/session.ts'
import type { SignIn } from '../services/sign-in/sign-in.ts'
import { type Filters, queryOf, readFilters, writeFilters } from '../services/task-filters.ts'
import type { Workspace } from '../services/workspace.ts'
import { useTaskActions } from './use-task-actions.ts'
import { useTaskList } from './use-task-list.ts'

export interface TasksPageProps {
  workspace: Workspace
  session: Session
  signIn: SignIn
}

export function TasksPage({ workspace, session, signIn }: TasksPageProps) {
  const { user, tasks, outbox, drafts, waits } = workspace
  const [filters, setFilters] = useState(() => readFilters(location.search))
  const list = useTaskList(tasks, filters)
  const actions = useTaskActions(workspace, list)
  const { editing, deleting, conflict, problem } = actions
  const { put, reload, isLoading } = list

  const filter = useCallback((next: Filters) => {
    history.replaceState(null, '', `${location.pathname}${writeFilters(next)}`)
    setFilters(next)
  }, [])

  useEffect(
    // A page that is on its way may have been read before the task was made.
    () => workspace.onCreated(task => (task && !isLoading ? put(task) : reload())),
    [workspace, put, reload, isLoading]
  )

  return (
    <>
      <header>
        <h1>Tasks</h1>
        <AccountMenu user={user} signIn={signIn} />
      </header>
      <WaitBanner waits={waits} />
      <main>
        <NewTaskForm draft={drafts.newTask} onAdd={outbox.add} />
        <TaskFilters filters={filters} onChange={filter} />
        {problem !== undefined && (
          <p role="alert" className="problem">
            {problem}
          </p>
        )}
        <PendingTasks outbox={outbox} />
        <TaskList
          list={list}
          isFiltered={Object.keys(queryOf(filters)).length > 1}
          onToggle={actions.toggle}
          onEdit={actions.edit}
          onDelete={actions.askToDelete}
        />
      </main>
      {editing && (
        <EditDialog
          draft={editing}
          onType={actions.type}
          onSave={actions.save}
          onClose={actions.stopEditing}
        />
      )}
      {deleting && <DeleteDialog task={deleting} onDelete={actions.remove} onClose={actions.stopDeleting} />}
      {conflict && (
        <ConflictDialog
          conflict={conflict}
          onKeepMine={actions.keepMine}
          onTakeTheirs={actions.takeTheirs}
          onEdit={actions.editMine}
        />
      )}
      <SignInDialog session={session} signIn={signIn} />
    </>
  )
}
