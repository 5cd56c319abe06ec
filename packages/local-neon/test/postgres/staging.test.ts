import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { isAlive, publish } from '../../src/postgres/staging.ts'
import { folder } from '../fixtures/sandbox.ts'

t.test('staging', async t => {
  t.test('shows the folder when it is complete', async t => {
    const parent = join(await folder(t), 'made', 'too')
    const target = join(parent, 'data')

    await publish(target, async staging => {
      await writeFile(join(staging, 'half'), '')
      t.strictSame((await readdir(parent)).includes('data'), false)
    })

    t.strictSame(await readdir(parent), ['data'])
    t.strictSame(await readdir(target), ['half'])
  })

  t.test('leaves nothing when the making fails', async t => {
    const parent = await folder(t)

    await t.rejects(
      publish(join(parent, 'data'), async () => {
        throw new Error('disk full')
      }),
      { message: 'disk full' }
    )

    t.strictSame(await readdir(parent), [])
  })

  t.test('keeps the folder of the faster one of two makers', async t => {
    const parent = await folder(t)
    const target = join(parent, 'data')

    await publish(target, async staging => {
      await writeFile(join(staging, 'who'), 'slower')
      await publish(target, inner => writeFile(join(inner, 'who'), 'faster'))
    })

    t.equal(await readFile(join(target, 'who'), 'utf8'), 'faster')
    t.strictSame(await readdir(parent), ['data'])
  })

  t.test('fails when the place is taken by a file', async t => {
    const target = join(await folder(t), 'data')
    await writeFile(target, '')

    await t.rejects(
      publish(target, async () => {}),
      { code: 'ENOTDIR' }
    )
  })

  t.test('removes what a killed maker has left and nothing of a living one', async t => {
    const parent = await folder(t)
    const dead = spawnSync('true').pid
    await mkdir(join(parent, `data.making-${dead}-abc`))
    await mkdir(join(parent, `data.making-${process.ppid}-abc`))
    await mkdir(join(parent, 'other'))

    await publish(join(parent, 'data'), async () => {})

    t.strictSame(await readdir(parent), ['data', `data.making-${process.ppid}-abc`, 'other'])
  })

  t.test('takes a process of another user for alive', async t => {
    t.equal(isAlive(1), true)
    t.equal(isAlive(process.pid), true)
  })
})
