/**
 * Options that were written without `--` in front of them: npm takes them for its own, warns, and hands them on as settings.
 */
const NAMES = ['frontend', 'example', 'install']

export function swallowedFlags(env: NodeJS.ProcessEnv): string[] {
  return NAMES.filter(name => env[`npm_config_${name}`] === '').map(name => `--no-${name}`)
}
