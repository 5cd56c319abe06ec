/**
 * What another command needs that starts or finds a local Neon: the settings from the environment, the one that runs
 * for them, and the signals to stop.
 */
export { findLocalNeon, type JoinedLocalNeon, startOrJoin } from './join.ts'
export { type LocalSettings, localSettings } from './settings.ts'
export { onStopSignal } from './stop-signals.ts'
