/**
 * The part of the peers that is used here, so that types are checked where the packages of this
 * folder are not installed.
 */
declare module 'ws-with-bufferutil' {
  export { WebSocket } from 'ws'
}
