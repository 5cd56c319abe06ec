/**
 * Writes the templates into this package, behind its compiler: what is packed is the service as it is at that moment.
 */
import { fileURLToPath } from 'node:url'
import { writeTemplates } from './template.ts'

writeTemplates(fileURLToPath(new URL('../template', import.meta.url)))
