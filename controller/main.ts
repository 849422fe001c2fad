/** The controller: opens what is on disk, starts what talks, and ends all of it cleanly. */
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { brokerAddress } from '../shared/mqtt-streams.ts';
import type { ModelRecord } from '../shared/protocol/api.ts';
import { createAccounts, deviceBrokerOf } from './accounts.ts';
import { addBackupRoutes } from './api/backups.ts';
import { addBlobRoutes } from './api/blobs.ts';
import { addComparisonRoutes } from './api/comparisons.ts';
import { addDashboard } from './api/dashboard.ts';
import { addDeviceRoutes } from './api/devices.ts';
import { addEnrolRoutes } from './api/enrol.ts';
import { addEventRoutes } from './api/events.ts';
import { addHealthRoutes } from './api/health.ts';
import { addInstallRoutes } from './api/install.ts';
import { addModelRoutes } from './api/models.ts';
import { addPeopleRoutes } from './api/people.ts';
import { addReleaseRoutes } from './api/releases.ts';
import { addRemovalRoutes } from './api/removal.ts';
import { addRolloutRoutes } from './api/rollouts.ts';
import { type Server, startServer } from './api/server.ts';
import { addWebhookRoutes } from './api/webhooks.ts';
import { type Broker, startBroker } from './broker.ts';
import { type Comparisons, createComparisons } from './comparisons.ts';
import { createConnections } from './connections.ts';
import { createComplaints, createDeviceLog } from './device-log.ts';
import { removeDevice } from './devices.ts';
import { createDispatcher, type Dispatcher } from './dispatch.ts';
import { loadFleet } from './fleet.ts';
import { type Announcer, openAnnouncer } from './home-assistant/announce.ts';
import { startHousekeeping } from './housekeeping.ts';
import { createIngest, type Ingest } from './ingest.ts';
import { connectLink, joinLink, type Link, type LinkOptions } from './link.ts';
import { createLive } from './live.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { loadPeople } from './people.ts';
import { createRegistry, type Registry } from './registry.ts';
import { openReleases, type Releases } from './releases/releases.ts';
import { candidatesFor } from './rollout/candidates.ts';
import { createHearing } from './rollout/hearing.ts';
import { openRollouts, type Rollouts } from './rollouts.ts';
import { openSecrets } from './secrets.ts';
import type { Settings } from './settings.ts';
import { openBlobs } from './store/blobs.ts';
import { openDatabase } from './store/database.ts';
import { openRollups, type Rollups } from './store/rollups.ts';
import { createSpans, startExport } from './tracing.ts';
import { createVariants, type Variants } from './variants.ts';
import { openWebhooks, type Webhooks } from './webhooks/webhooks.ts';
import type { World } from './world.ts';

export interface Controller {
  readonly url: string;
  /** The broker as devices on this machine reach it. */
  readonly brokerUrl: string;
  readonly adminToken: string;
  stop(): Promise<void>;
}

/** What is ended when the controller stops, or when its start fails half-way: the last first. */
type Closers = (() => Promise<void> | void)[];

/**
 * Starts a controller on its data folder; the same folder again continues where it ended, cleanly
 * or not. Throws `PORT_IN_USE`, `BROKER_REFUSED`, `CONFLICT` (the folder is in use),
 * `FILE_UNREADABLE`, `DISK_FULL`.
 */
export async function startController(settings: Settings, log?: Logger): Promise<Controller> {
  const closers: Closers = [];
  const stop = async () => {
    for (let close = closers.pop(); close; close = closers.pop()) await close();
  };
  try {
    const world = await openWorld(settings, log ?? defaultLog(), closers);
    const rollups = await openRollups(world.db, unreadable(world.log));
    const messaging = await startMessaging(world, rollups, closers);
    const engine = await startEngine(world, messaging, closers);
    const housekeeping = startHousekeeping(world, rollups);
    closers.push(() => housekeeping.stop());
    const metrics = createMetrics(world, messaging.ingest);
    const server = await serve(world, { ...messaging, metrics }, engine);
    closers.push(() => server.stop());
    const exporter = startExport(world, metrics, server.url);
    closers.push(() => exporter?.stop());
    world.log.info({ url: server.url, broker: messaging.url }, 'controller started');
    const { adminToken } = world.secrets;
    return { url: server.url, brokerUrl: messaging.url, adminToken, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function openWorld(settings: Settings, log: Logger, closers: Closers): Promise<World> {
  const db = await openDatabase(settings);
  closers.push(() => db.destroy());
  const live = createLive((thrown) => log.error({ err: thrown }, 'a change cannot be shown'));
  const now = Date.now;
  const deviceLog = createDeviceLog({ db, live, settings, log, now });
  closers.push(() => deviceLog.settled());
  return {
    ...{ settings, log, now, db, live, deviceLog },
    blobs: await openBlobs(join(settings.data, 'blobs'), settings.fileMib * 2 ** 20),
    secrets: await openSecrets(join(settings.data, 'secrets')),
    fleet: await loadFleet(db, unreadable(log)),
    ...{ people: await loadPeople(db), spans: createSpans() },
  };
}

function unreadable(log: Logger): (thrown: unknown) => void {
  return (thrown) => log.error({ err: thrown }, 'a stored document of a device cannot be read');
}

interface Messaging {
  /** null where the broker is external. */
  readonly broker: Broker | null;
  readonly url: string;
  readonly link: Link;
  readonly ingest: Ingest;
  readonly dispatcher: Dispatcher;
  /** null where Home Assistant is not to be told. */
  readonly announcer: Announcer | null;
  /** What is called when something that rollouts look at has changed. */
  readonly onChanged: Set<() => void>;
}

async function startMessaging(
  world: World,
  rollups: Rollups,
  closers: Closers,
): Promise<Messaging> {
  const connections = await createConnections(world);
  const broker = await openBroker(world, closers);
  const onChanged = new Set<() => void>();
  const ingest = createIngest(world, {
    onPresence: connections.hear,
    acknowledge: (device, ack) => {
      // A document without members but its version acknowledges nothing.
      if (Object.keys(ack).length === 1) return;
      link
        .publish({ device, channel: 'ack' }, ack)
        .catch((thrown) => world.log.warn({ err: thrown }, 'not acknowledged'));
    },
    onStored: rollups.add,
    onChanged: () => {
      for (const call of onChanged) call();
    },
  });
  const dispatcher = createDispatcher(world, () => link);
  let announcer: Announcer | null = null;
  let first = true;
  const options: LinkOptions = {
    onMessage: ingest.accept,
    onConnected: () => {
      if (!first) republish(world, dispatcher);
      first = false;
      announcer?.repeat();
    },
  };
  const link = broker
    ? await joinLink(broker, options)
    : await connectLink(world, world.settings.broker ?? '', options);
  closers.push(async () => {
    await link.end();
    await ingest.settled();
  });
  closers.push(connections.end);
  republish(world, dispatcher);
  announcer = openAnnouncer(world, link);
  closers.push(() => announcer?.stop());
  const url = addressOf(world, broker);
  return { broker, url, link, ingest, dispatcher, onChanged, announcer };
}

interface Engine {
  readonly registry: Registry;
  readonly variants: Variants;
  readonly comparisons: Comparisons;
  readonly releases: Releases;
  readonly rollouts: Rollouts;
  readonly webhooks: Webhooks;
}

/** Goes on with everything that was under way when the controller ended. */
async function startEngine(
  world: World,
  { dispatcher, onChanged, link }: Messaging,
  closers: Closers,
): Promise<Engine> {
  const registry = createRegistry(world);
  closers.push(() => registry.stop());
  const variants = createVariants(world);
  closers.push(() => variants.stop());
  const comparisons = createComparisons(world, registry);
  closers.push(() => comparisons.stop());
  await registry.resume();
  await variants.resume();
  await comparisons.resume();
  const releases = await openReleases(world);
  const hearing = createHearing(world.now, () => link.connected);
  closers.push(async () => hearing.stop());
  const rollouts = await openRollouts(world, {
    ...{ dispatcher, registry, releases, comparisons, hearing },
    onStarted: (model) => {
      buildAhead(model, variants).catch((thrown) => world.log.warn({ err: thrown }, 'not built'));
    },
  });
  closers.push(() => rollouts.stop());
  onChanged.add(rollouts.poke);
  const webhooks = await openWebhooks(world, () => rollouts.list());
  closers.push(() => webhooks.stop());
  return { registry, variants, comparisons, releases, rollouts, webhooks };
}

/** Devices will ask for all of them in this order: who asks first then waits less. */
async function buildAhead(model: ModelRecord, variants: Variants): Promise<void> {
  for (const recipe of candidatesFor(model, null)) await variants.request(model, recipe);
}

function republish(world: World, dispatcher: Dispatcher): void {
  dispatcher
    .republish()
    .catch((thrown) => world.log.warn({ err: thrown }, 'desired documents not published again'));
}

/** The embedded broker; null where the settings name another. */
async function openBroker(world: World, closers: Closers): Promise<Broker | null> {
  const { settings } = world;
  if (settings.broker !== null) return null;
  const complain = createComplaints(world);
  const broker = await startBroker({
    host: settings.host,
    port: settings.brokerPort,
    log: world.log,
    authenticate: createAccounts(world),
    onViolation(account, what) {
      if (account.role !== 'device') return;
      const message = `refused ${what}`;
      complain({ device: account.device, level: 'warn', code: 'FORBIDDEN', message });
    },
  });
  closers.push(() => broker.stop());
  return broker;
}

function addressOf({ settings }: World, broker: Broker | null): string {
  if (broker === null) return brokerAddress(new URL(settings.broker ?? ''));
  const { host } = settings;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `mqtt://${shown}:${broker.port}`;
}

function serve(
  world: World,
  { broker, link, dispatcher, announcer, metrics }: Messaging & { readonly metrics: Metrics },
  { registry, variants, comparisons, releases, rollouts, webhooks }: Engine,
): Promise<Server> {
  return startServer(world, async (api) => {
    addHealthRoutes(api, world, { brokerConnected: () => link.connected, metrics });
    addEnrolRoutes(api, world, {
      deviceBroker: deviceBrokerOf(world, broker?.port ?? null),
      async onReenrolled(device) {
        await link.endSession(device);
        await dispatcher.forget(device);
      },
    });
    addDeviceRoutes(api, world, {
      beforeOf: (device) => comparisons.ofDevice(device, rollouts.previousOf(device)),
      onLabels: rollouts.poke,
      onTelemetry(device, telemetrySeconds) {
        link
          .publish({ device, channel: 'ack' }, { v: 1, telemetrySeconds })
          .catch((thrown) => world.log.warn({ err: thrown }, 'told with the next acknowledgement'));
      },
      async onRemoved(device) {
        await removeDevice(world, device);
        await link.endSession(device);
        await dispatcher.forget(device);
        announcer?.forget(device);
        rollouts.poke();
      },
    });
    addBackupRoutes(api, world);
    addBlobRoutes(api, world.blobs);
    addModelRoutes(api, registry, variants);
    addComparisonRoutes(api, { registry, comparisons, fleet: world.fleet });
    addRolloutRoutes(api, rollouts);
    addReleaseRoutes(api, releases);
    addRemovalRoutes(api, world, { registry, releases, rollouts });
    addInstallRoutes(api, world, { releases, rollouts });
    addEventRoutes(api, world.live);
    addPeopleRoutes(api, world);
    addWebhookRoutes(api, webhooks);
    await addDashboard(api, world.settings.dashboard);
  });
}

function defaultLog(): Logger {
  return pino({ name: 'controller', level: process.env.FETTLE_LOG ?? 'warn' }, pino.destination(2));
}
