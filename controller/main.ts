/** The controller: opens what is on disk, starts what talks, and ends all of it cleanly. */
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { bare, controllerAccount, createAccounts, deviceBrokerOf } from './accounts.ts';
import { addBlobRoutes } from './api/blobs.ts';
import { addDeviceRoutes } from './api/devices.ts';
import { addEnrolRoutes } from './api/enrol.ts';
import { addEventRoutes } from './api/events.ts';
import { addHealthRoutes } from './api/health.ts';
import { type Server, startServer } from './api/server.ts';
import { type Broker, startBroker } from './broker.ts';
import { removeDevice } from './devices.ts';
import { createDispatcher, type Dispatcher } from './dispatch.ts';
import { noteEvent } from './events.ts';
import { loadFleet } from './fleet.ts';
import { createIngest } from './ingest.ts';
import { connectLink, type Link } from './link.ts';
import { createLive } from './live.ts';
import { newToken, openSecrets } from './secrets.ts';
import type { Settings } from './settings.ts';
import { openBlobs } from './store/blobs.ts';
import { openDatabase } from './store/database.ts';
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
 * Starts a controller on its data folder; the same folder again continues where it ended, cleanly or not.
 * Throws `PORT_IN_USE`, `BROKER_REFUSED`, `CONFLICT` (the folder is in use), `FILE_UNREADABLE`, `DISK_FULL`.
 */
export async function startController(settings: Settings, log?: Logger): Promise<Controller> {
  const closers: Closers = [];
  const stop = async () => {
    for (let close = closers.pop(); close; close = closers.pop()) await close();
  };
  try {
    const world = await openWorld(settings, log ?? defaultLog(), closers);
    const { broker, url: brokerUrl, link, dispatcher } = await startMessaging(world, closers);
    const server = await serve(world, { broker, link, dispatcher });
    closers.push(() => server.stop());
    world.log.info({ url: server.url, broker: brokerUrl }, 'controller started');
    return { url: server.url, brokerUrl, adminToken: world.secrets.adminToken, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function openWorld(settings: Settings, log: Logger, closers: Closers): Promise<World> {
  const db = await openDatabase(settings.data);
  closers.push(() => db.destroy());
  return {
    settings,
    log,
    now: Date.now,
    db,
    blobs: await openBlobs(join(settings.data, 'blobs'), settings.fileMib << 20),
    secrets: await openSecrets(join(settings.data, 'secrets')),
    fleet: await loadFleet(db),
    live: createLive(),
  };
}

interface Messaging {
  /** null where the broker is external. */
  readonly broker: Broker | null;
  readonly url: string;
  readonly link: Link;
  readonly dispatcher: Dispatcher;
}

async function startMessaging(world: World, closers: Closers): Promise<Messaging> {
  const account = await openBroker(world, closers);
  const ingest = createIngest(world, {
    acknowledge: (device, ack) => {
      link
        .publish({ device, channel: 'ack' }, ack)
        .catch((thrown) => world.log.warn({ err: thrown }, 'not acknowledged'));
    },
    onChanged: () => {},
  });
  const dispatcher = createDispatcher(world, () => link);
  let first = true;
  const link = await connectLink(world, {
    ...account,
    onMessage: ingest.accept,
    onConnected: () => {
      if (first) first = false;
      else republish(world, dispatcher);
    },
  });
  closers.push(async () => {
    await link.end();
    await ingest.settled();
  });
  republish(world, dispatcher);
  return { broker: account.broker, url: bare(new URL(account.url)), link, dispatcher };
}

function republish(world: World, dispatcher: Dispatcher): void {
  dispatcher
    .republish()
    .catch((thrown) => world.log.warn({ err: thrown }, 'desired documents not published again'));
}

interface BrokerAccount {
  readonly broker: Broker | null;
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
}

/** The external broker with the credentials of its address, or the embedded one with an account made for this run. */
async function openBroker(world: World, closers: Closers): Promise<BrokerAccount> {
  const { settings } = world;
  if (settings.broker !== null) {
    const { username, password } = new URL(settings.broker);
    return {
      broker: null,
      url: settings.broker,
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password: decodeURIComponent(password) } : {}),
    };
  }
  const password = newToken('ftm');
  const broker = await startBroker({
    host: settings.host,
    port: settings.brokerPort,
    log: world.log,
    authenticate: createAccounts(world, password),
    onViolation(account, what) {
      if (account.role !== 'device') return;
      const message = `refused ${what}`;
      noteEvent(world, { device: account.device, level: 'warn', code: 'FORBIDDEN', message });
    },
  });
  closers.push(() => broker.stop());
  const host = settings.host === '0.0.0.0' || settings.host === '::' ? 'localhost' : settings.host;
  const url = `mqtt://${host}:${broker.port}`;
  return { broker, url, username: controllerAccount, password };
}

function serve(
  world: World,
  { broker, link, dispatcher }: Omit<Messaging, 'url'>,
): Promise<Server> {
  return startServer(world, (api) => {
    addHealthRoutes(api, world, { brokerConnected: () => link.connected });
    addEnrolRoutes(api, world, {
      deviceBroker: deviceBrokerOf(world, broker?.port ?? null),
      onEnrolled: () => {},
      onReenrolled(device) {
        broker?.drop(device);
        dispatcher.forget(device);
      },
    });
    addDeviceRoutes(api, world, {
      onLabels: () => {},
      async onRemoved(device) {
        await removeDevice(world, device);
        broker?.drop(device);
        dispatcher.forget(device);
      },
    });
    addBlobRoutes(api, world.blobs);
    addEventRoutes(api, world.live);
  });
}

function defaultLog(): Logger {
  return pino({ name: 'controller', level: process.env.FETTLE_LOG ?? 'warn' }, pino.destination(2));
}
