/**
 * Owns a whole local Neon: a proxy as Neon's at one port, and behind it a compute, a real
 * Postgres that sleeps and wakes. Either all of it runs, or none.
 */
import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ComputeState, createCompute } from './compute.ts'
import { consoleToken } from './console/access.ts'
import { createHistory } from './console/history.ts'
import { createSessionList } from './console/sessions.ts'
import { createView } from './console/view.ts'
import { type Control, consoleUrl, controlUrl, openControl } from './control.ts'
import type { LocalNeonEvent, LocalNeonListener } from './events.ts'
import { ignore } from './failure.ts'
import { type Fault, refusalText } from './faults/fault.ts'
import { createFaults, type Injection } from './faults/registry.ts'
import { type BackendFilter, killBackends } from './kill.ts'
import { createMeter, type MeterReading } from './meter.ts'
import { type LocalNeonOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { createPooler } from './pooler/pooler.ts'
import { removeAbandoned } from './postgres/abandoned.ts'
import { type Binaries, findBinaries, prepareBinaries } from './postgres/binaries.ts'
import { dataDirectoryOf, prepareCluster } from './postgres/cluster.ts'
import { choosePlace, type Place } from './postgres/place.ts'
import { type Postgres, startPostgres } from './postgres/postgres.ts'
import { awaitUnused, refuseIfServed, removeRunning, writeRunning } from './postgres/running.ts'
import { openServerLog } from './postgres/server-log.ts'
import type { ProcessExit } from './postgres/supervisor.ts'
import { type Certificates, createCertificates } from './proxy/certificates.ts'
import { createConnections } from './proxy/connection.ts'
import { type Endpoint, openEndpoint } from './proxy/endpoint.ts'
import { Refusal } from './proxy/refusals.ts'
import { createSessions } from './proxy/session.ts'
import { createRoles } from './roles.ts'
import { ownedPrefix } from './temporary-folder.ts'
import { type LocalNeonUrls, urlsOf } from './urls.ts'

// What a project needs that has this from a package.
export { type Clock, scaledClock } from './clock.ts'
export { describeEvent } from './events.ts'
export { LocalNeonError } from './failure.ts'
export type { BackendFilter, Fault, Injection, LocalNeonEvent, LocalNeonOptions, LocalNeonUrls, MeterReading }

export interface LocalNeon {
  /** The whole postgresql:// URL of database neondb as role neondb_owner: psql, drizzle-kit and the service take it. */
  url: string
  urls: LocalNeonUrls
  port: number
  /** True when the asked-for port was taken. */
  portWasTaken: boolean
  /** With TLS: the certificate of the authority in PEM, and its file (for NODE_EXTRA_CA_CERTS and sslrootcert). */
  ca?: { pem: string; file: string }
  /** URL of the control interface, with `controlPort`. */
  controlUrl?: string
  /** URL of the console with its token, for a browser; with `controlPort`. */
  consoleUrl?: string
  /** Pid of the postmaster; undefined while the compute sleeps. */
  readonly postgresPid: number | undefined
  readonly state: ComputeState
  /** Time awake, wakes, sessions and queries so far. */
  meter(): MeterReading
  /** Stops the compute now; resolves when it sleeps. The next login wakes it. */
  suspend(): Promise<void>
  /** Resolves when the compute is awake. */
  wake(): Promise<void>
  /** Starts a fault; the result has its hits and ends it. Throws LOCAL_NEON_FAULT_INVALID. */
  inject(fault: Fault): Injection
  /** Faults that were not removed, including used-up ones. */
  faults(): Injection[]
  /** Removes all faults. */
  clearFaults(): void
  /** Ends backends as `pg_terminate_backend` does. Resolves with how many. */
  killBackends(filter?: BackendFilter): Promise<number>
  /** Calls `listener` for each event until the returned function is called. */
  observe(listener: LocalNeonListener): () => void
  /** Resolves when Postgres ends unexpectedly. */
  exited: Promise<ProcessExit>
  /** Stops the endpoint, then Postgres (fast shutdown); idempotent; bounded in time. */
  close(): Promise<void>
}

const FOLDER_MODE = 0o755
const TEMPORARY = 'local-neon-'

export async function startLocalNeon(options: LocalNeonOptions = {}): Promise<LocalNeon> {
  const resolved = resolveOptions(options)
  if (options.directory !== undefined) return await start(resolved, options.directory)
  await removeAbandoned(tmpdir(), TEMPORARY)
  const directory = await mkdtemp(join(tmpdir(), ownedPrefix(TEMPORARY)))
  const remove = () => rm(directory, { recursive: true, force: true, maxRetries: 3 })
  try {
    // Root's Postgres runs as another user, who has to get in.
    await chmod(directory, FOLDER_MODE)
    const neon = await start(resolved, directory)
    const { close } = neon
    return Object.assign(neon, { close: () => close().finally(remove) })
  } catch (error) {
    await remove()
    throw error
  }
}

async function start(options: ResolvedOptions, directory: string): Promise<LocalNeon> {
  const { suspendAfterMs, wakeDelayMs, wakeJitterMs, endpoints, tls, systemDirectory, clock, log } = options
  const source = await findBinaries()
  const place = await choosePlace({ directory, systemDirectory, log })
  const { home } = place
  await refuseIfServed(home)
  // Before the log is emptied, which may be the one of the Postgres that has the folder.
  await awaitUnused(home, dataDirectoryOf(place.cluster))
  const binaries = await prepareBinaries({ source, ...place, log })
  const password = await passwordOf(options, place, binaries)
  const certificates = tls === 'off' ? undefined : await createCertificates({ hosts: hostsOf(endpoints) })

  const identity = randomUUID()
  const token = consoleToken(password)
  const history = createHistory()
  const listeners = new Set<LocalNeonListener>([history.onEvent])
  /** Listeners that have thrown. */
  const complaints = new WeakSet<LocalNeonListener>()
  const faults = createFaults(tell, onFaultChange, clock)
  const connections = createConnections(faults, clock)
  const meter = createMeter(clock)
  const roles = createRoles(() => compute)
  const pooler = createPooler(place, options.pooler)
  let endpoint: Endpoint | undefined
  let control: Control | undefined
  let closing: Promise<void> | undefined
  const compute = createCompute({
    start: startCompute,
    suspendAfterMs,
    wakeDelayMs: () => wakeFault()?.delayMs ?? wakeDelayMs + wakeJitterMs * Math.random(),
    onSuspending: async superuser => {
      await roles.refresh(superuser).catch(ignore)
      sessions.dropPooled()
      await pooler.stop()
    },
    onEvent: tell,
    onState: history.onState,
    meter,
    clock
  })
  const sessions = createSessions({
    compute,
    pooler,
    roles,
    faults,
    connections,
    meter,
    clock,
    endpoints,
    requiresTls: tls === 'required',
    onEvent: tell
  })
  const listSessions = createSessionList(compute)
  const readView = createView({ compute, suspendAfterMs, meter, faults, listSessions, history, clock })

  try {
    // A login may come while the compute sleeps, and before any other.
    const { postgres, superuser } = await compute.wake()
    await roles.refresh(superuser)
    const onClient = sessions.serve
    const certificate = certificates?.context
    endpoint = await openEndpoint({
      port: options.port,
      onClient,
      connections,
      faults,
      identity,
      certificate
    })
    const neon = describe(endpoint, certificates && (await keepAuthority(home, certificates)))
    if (options.controlPort !== undefined) {
      control = await openControl({ neon, port: options.controlPort, token, readView })
      neon.controlUrl = controlUrl(control.port)
      neon.consoleUrl = consoleUrl(control.port, token)
    }
    await record(endpoint, postgres)
    return neon
  } catch (error) {
    await close()
    throw error
  }

  function describe({ port, portWasTaken }: Endpoint, ca: LocalNeon['ca']): LocalNeon {
    const urls = urlsAt(port)
    return {
      url: urls.direct,
      urls,
      port,
      portWasTaken,
      ...(ca && { ca }),
      get postgresPid() {
        return compute.running?.postgres.pid
      },
      get state() {
        return compute.state
      },
      meter: meter.read,
      suspend: () => compute.suspend(),
      wake: async () => void (await compute.wake()),
      inject: faults.inject,
      faults: faults.list,
      clearFaults: faults.clear,
      killBackends: filter => killBackends(compute, filter),
      observe(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      exited: compute.exited,
      close
    }
  }

  function onFaultChange(added?: Fault): void {
    connections.onFaultChange(added)
    history.touch()
  }

  function tell(event: LocalNeonEvent): void {
    for (const listener of listeners) {
      try {
        listener(event)
      } catch (error) {
        complainOnce(listener, error)
      }
    }
  }

  /** Who only looks on must not be able to break a login. */
  function complainOnce(listener: LocalNeonListener, error: unknown): void {
    if (!complaints.has(listener)) log(`A listener of this local Neon threw: ${error}`)
    complaints.add(listener)
  }

  /** A fault of the wake itself is met once for it, whoever it is for. */
  function wakeFault() {
    return faults.meet('wake', { facts: {}, ticket: faults.ticket() }, ({ message }) => message === undefined)
  }

  async function startCompute(): Promise<Postgres> {
    const somebody = { facts: {}, ticket: faults.ticket() }
    const failing = faults.meet('wake', somebody, ({ message }) => message !== undefined)
    if (failing?.message !== undefined) throw new Refusal(refusalText(failing.message))
    const postgres = await startPostgresIn(options, place, binaries)
    if (endpoint) await record(endpoint, postgres)
    return postgres
  }

  function urlsAt(port: number): LocalNeonUrls {
    return urlsOf({ password, port, endpoint: endpoints[0], tls })
  }

  async function record({ port }: Endpoint, { pid: postgresPid }: Postgres): Promise<void> {
    const { direct: url } = urlsAt(port)
    const server = { pid: process.pid, port, url, postgresPid, identity }
    const controlled = control && {
      controlPort: control.port,
      consoleUrl: consoleUrl(control.port, token)
    }
    await writeRunning(home, { ...server, ...controlled })
  }

  function close() {
    closing ??= closeAll()
    return closing
  }

  async function closeAll() {
    // First, so that whoever starts now waits for the end instead of refusing. A record that
    // cannot be removed names a server that is gone, and is ignored.
    await removeRunning(home).catch(ignore)
    faults.clear()
    await control?.close()
    const closed = endpoint?.close()
    sessions.close()
    await closed
    await pooler.stop()
    await compute.close()
  }
}

/** Prepares the cluster; its password is what the URLs carry. */
async function passwordOf({ fsync }: ResolvedOptions, place: Place, binaries: Binaries): Promise<string> {
  const { home, cluster, account } = place
  const serverLog = await openServerLog(join(home, 'postgres.log'))
  try {
    return await prepareCluster({ directory: cluster, binaries, account, serverLog, fsync })
  } finally {
    await serverLog.close()
  }
}

async function startPostgresIn(
  { fsync }: ResolvedOptions,
  { home, cluster, account }: Place,
  binaries: Binaries
): Promise<Postgres> {
  const serverLog = await openServerLog(join(home, 'postgres.log'))
  try {
    const dataDirectory = dataDirectoryOf(cluster)
    return await startPostgres({ home, dataDirectory, binaries, account, serverLog, fsync })
  } finally {
    // Postgres has a descriptor of its own.
    await serverLog.close()
  }
}

/** What a client may call an endpoint that is on this machine. */
function hostsOf(endpoints: readonly string[]): string[] {
  return endpoints.flatMap(name => [`${name}.localhost`, `${name}-pooler.localhost`])
}

/** For clients in other processes; it is no secret. */
async function keepAuthority(home: string, { ca }: Certificates): Promise<{ pem: string; file: string }> {
  const file = join(home, 'ca.pem')
  await writeFile(file, ca)
  return { pem: ca, file }
}
