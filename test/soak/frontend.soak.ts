/**
 * The frontend in a browser, with the service and a provider beside it: in one process, which builds it once.
 */
import { browserFiles } from '../groups/members.ts'
import { runFiles } from '../groups/run.ts'

await runFiles(browserFiles())
