/**
 * The workflow of the site: a build for each pull request, and GitHub Pages from main alone.
 */
import t from 'tap'
import { theWorkflow } from './workflows.ts'

const { workflow } = theWorkflow('site.yml')

t.test('is built for pull requests, and published from main alone', async t => {
  t.ok('pull_request' in workflow.on)
  t.match(workflow.on.push, { branches: ['main'] })
  t.equal(workflow.jobs.publish?.if, "github.event_name == 'push'")
})

t.test('is published by a job that runs nothing of the repository', async t => {
  t.strictSame(
    workflow.jobs.publish?.steps?.map(({ uses = '' }) => uses.split('@')[0]),
    ['actions/deploy-pages']
  )
})
