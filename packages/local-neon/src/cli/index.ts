/**
 * What another command needs that starts a local Neon: the settings from the environment, and the signals to stop.
 */
export { type LocalSettings, localSettings } from './settings.ts'
export { onStopSignal } from './stop-signals.ts'
