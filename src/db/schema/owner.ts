/**
 * Who may reach a row that has an owner: the role that the service works as, and of the rows only those
 * whose owner is the user of the transaction. docs/reference/data-model.md says what the migrations add to it.
 */
import { type SQL, sql } from 'drizzle-orm'
import { type PgColumn, type PgPolicy, pgPolicy, pgRole } from 'drizzle-orm/pg-core'

/** Made by a migration, as roles belong to the whole cluster. Nobody logs in as it. */
export const appUser = pgRole('app_user').existing()

/** Deletes what has expired, of all owners. Nobody logs in as it. */
export const appJanitor = pgRole('app_janitor').existing()

/** One policy for each command. `table` is the name in the database. */
export function ownerPolicies(table: string, owner: PgColumn): PgPolicy[] {
  return [
    pgPolicy(`${table}_owner_select`, { for: 'select', to: appUser, using: isOwner(owner) }),
    pgPolicy(`${table}_owner_insert`, { for: 'insert', to: appUser, withCheck: isOwner(owner) }),
    pgPolicy(`${table}_owner_update`, {
      for: 'update',
      to: appUser,
      using: isOwner(owner),
      withCheck: isOwner(owner)
    }),
    pgPolicy(`${table}_owner_delete`, { for: 'delete', to: appUser, using: isOwner(owner) })
  ]
}

/** A subquery, so that Postgres calls the function once for a statement and not once for a row. */
function isOwner(owner: PgColumn): SQL {
  return sql`${owner} = (select app.user_id())`
}
