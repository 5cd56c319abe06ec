/**
 * `node ../../commonjs.mjs` in the folder of a package, behind its compiler: what `require` gets. For each module that
 * `exports` names a file that passes it on, so that there is one copy of it and not two, and the types of all once more as
 * those of CommonJS, since a program of CommonJS has that side of the types of Drizzle and of the driver as well.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))

for (const { import: imported, require: required } of Object.values(exports)) {
  if (required === undefined) continue
  const names = Object.keys(await import(pathToFileURL(imported.default).href))
  const lines = [
    `const esm = require('./${basename(imported.default)}')`,
    // As Node.js says it of a module that is required, but for tools that read.
    "Object.defineProperty(exports, '__esModule', { value: true })",
    ...names.map(name => `exports.${name} = esm.${name}`)
  ]
  writeFileSync(required.default, `${lines.join('\n')}\n`)
}

for (const file of readdirSync('dist', { recursive: true })) {
  if (!file.endsWith('.d.ts')) continue
  const types = readFileSync(join('dist', file), 'utf8')
  const relative = /((?:from |import\()['"]\.[^'"]*)\.[jt]s(?=['"])/g
  writeFileSync(join('dist', file.replace(/ts$/, 'cts')), types.replaceAll(relative, '$1.cjs'))
}
