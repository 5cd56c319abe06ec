/**
 * Where the schema and the migrations are: as the configuration of drizzle-kit has it, and as the command line wants it instead.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { loadConfiguration } from './drift.ts'
import { UsageError } from './usage-error.ts'

// Of all that drizzle-kit takes, what counts here.
const Configuration = Type.Object({
  dialect: Type.Literal('postgresql'),
  schema: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
  out: Type.Optional(Type.String()),
  casing: Type.Optional(Type.Union([Type.Literal('camelCase'), Type.Literal('snake_case')]))
})

export interface Wishes {
  config?: string
  schema?: string[]
  folder?: string
}

export interface Sources {
  schema: string[]
  folder: string
  casing?: 'camelCase' | 'snake_case' | undefined
}

const USUAL_FILES = ['ts', 'js', 'mjs', 'cjs', 'json'].map(ending => `drizzle.config.${ending}`)
// Of drizzle-kit.
const USUAL_FOLDER = './drizzle'

/** Paths are from the working directory, as drizzle-kit takes them. */
export async function readSources(wishes: Wishes): Promise<Sources> {
  const file = wishes.config ?? USUAL_FILES.find(name => existsSync(name))
  if (file !== undefined && !existsSync(file)) throw new UsageError(`there is no ${file}`)
  const configuration = file === undefined ? undefined : await readConfiguration(file)
  const schema = wishes.schema ?? configuration?.schema
  if (schema === undefined)
    throw new UsageError(
      `nothing says where the schema is: no ${file ?? USUAL_FILES[0]} with it, and no --schema`
    )
  return {
    schema: [schema].flat(),
    folder: wishes.folder ?? configuration?.out ?? USUAL_FOLDER,
    casing: configuration?.casing
  }
}

async function readConfiguration(file: string): Promise<Static<typeof Configuration>> {
  const configuration = await loadConfiguration(resolve(file))
  if (Value.Check(Configuration, configuration)) return configuration
  throw new UsageError(`${file} has no configuration of drizzle-kit for the dialect postgresql`)
}
