/**
 * What a new project can be made of. The tarball has one template for each.
 */
export const VARIANTS = ['full', 'no-frontend', 'no-example'] as const

export type Variant = (typeof VARIANTS)[number]

/** npm leaves some files with a dot out of a tarball, and others decide what else it leaves out. */
export const STORED_DOT = 'dot-'

/** Where the name of the new project belongs. */
export const NAME_PLACEHOLDER = '{{name}}'
