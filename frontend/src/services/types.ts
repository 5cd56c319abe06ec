/**
 * The types of the API, made of its OpenAPI document by `npm run openapi`.
 */
import type { components, paths } from './api.d.ts'

export type { paths }
export type Task = components['schemas']['Task']
export type Problem = components['schemas']['Problem']
export type TaskPage = paths['/tasks']['get']['responses'][200]['content']['application/json']
export type NewTask = paths['/tasks']['post']['requestBody']['content']['application/json']
export type TaskChanges = paths['/tasks/{id}']['patch']['requestBody']['content']['application/json']
export type TaskQuery = Omit<NonNullable<paths['/tasks']['get']['parameters']['query']>, 'limit'>
export type Sort = NonNullable<TaskQuery['sort']>
