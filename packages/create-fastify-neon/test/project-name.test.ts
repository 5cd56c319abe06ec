/**
 * The name of a project is one that npm and Kubernetes take.
 */
import t from 'tap'
import { projectName } from '../src/project-name.ts'

t.test('projectName', async t => {
  for (const [folder, name] of [
    ['/home/me/my-app', 'my-app'],
    ['/home/me/My App (2)', 'my-app-2'],
    ['/srv/_hidden.', 'hidden'],
    [`/srv/${'long-'.repeat(20)}`, `${'long-'.repeat(9)}long`],
    ['/', 'service'],
    ['/srv/日本', 'service']
  ] as const)
    t.equal(projectName(folder), name, folder)
})
