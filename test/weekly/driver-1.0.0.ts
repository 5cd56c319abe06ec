/**
 * The clients and the pool on @neondatabase/serverless 1.0.0.
 */
import { runGroupsOn } from '../support/groups-on-version.ts'

// They compare with the newest one. Before it the driver's own Bind asks for binary results in bytes that Postgres refuses.
const COMPARED = /client\/(?:differential|driver|frontend-messages)\.test/

await runGroupsOn('@neondatabase/serverless', '1.0.0', ['client', 'pool'], COMPARED)
