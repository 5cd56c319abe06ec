import { runGroup } from './run.ts'

await runGroup(import.meta.url)
