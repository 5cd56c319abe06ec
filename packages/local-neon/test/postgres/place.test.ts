import { chmod, mkdir, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { choosePlace } from '../../src/postgres/place.ts'
import { folder, isRoot } from '../fixtures/sandbox.ts'

// Stands for root also where an ordinary user runs the tests: that one lends itself.
const ROOT_LENDS = { uid: 0, users: isRoot ? ['nobody'] : [userInfo().username] }

t.test('place', async t => {
  t.test('is the folder asked for, made with all above it', async t => {
    const { directory, options } = await ask(t)

    const place = await choosePlace({ ...options, accounts: { uid: 12_345 } })

    const cluster = join(directory, 'cluster')
    t.strictSame(place, { home: directory, cluster, account: undefined, copyParent: directory })
    t.strictSame(options.lines, [])
  })

  t.test('is the folder asked for when root starts and the lent user can enter it', async t => {
    const { directory, options } = await ask(t)

    const place = await choosePlace({ ...options, accounts: ROOT_LENDS })

    t.match(place, { home: directory, copyParent: options.systemDirectory })
    t.type(place.account?.uid, 'number')
    t.strictSame(options.lines, [])
  })

  t.test('is opened for passing when the folder alone is closed to the lent user', async t => {
    const { directory, options } = await ask(t)
    await mkdir(directory, { recursive: true })
    await chmod(directory, isRoot ? 0o700 : 0o600)

    const place = await choosePlace({ ...options, accounts: ROOT_LENDS })

    t.equal(place.home, directory)
    t.equal((await stat(directory)).mode & 0o777, 0o711)
    t.strictSame(options.lines, [])
  })

  t.test('is a folder of the system when the lent user cannot get to the one asked for', async t => {
    const { project, directory, options } = await ask(t)
    await mkdir(directory, { recursive: true })
    await chmod(project, 0o700)

    // An ordinary user cannot become root, which closes every folder to it.
    const users = [isRoot ? 'nobody' : 'root']
    const place = await choosePlace({ ...options, accounts: { uid: 0, users } })

    t.match(place.home, new RegExp(`^${options.systemDirectory}/my-project-[0-9a-f]{8}$`))
    t.equal(place.cluster, join(place.home, 'cluster'))
    t.match(options.lines, [`Data lie in ${place.home}: `])
  })
})

async function ask(t: Test) {
  const base = await folder(t)
  const project = join(base, 'my project')
  const directory = join(project, '.local-neon')
  const lines: string[] = []
  const options = {
    directory,
    systemDirectory: join(base, 'system'),
    lines,
    log: (line: string) => lines.push(line)
  }
  return { project, directory, options }
}
