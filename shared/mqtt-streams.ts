/** The ways to a broker: TCP, TLS, and WebSockets over either, where only these pass. */
import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { MqttClient } from 'mqtt';
import { FettleError, reasonOf } from './errors.ts';
import { countSocket } from './network-bytes.ts';
import { openWebSocket } from './websocket.ts';

/** Each with its port where the address names none. */
export const brokerPorts = {
  'mqtt:': 1883,
  'mqtts:': 8883,
  'tcp:': 1883,
  'ssl:': 8883,
  'ws:': 80,
  'wss:': 443,
} as const;

export type BrokerProtocol = keyof typeof brokerPorts;

export interface TlsFiles {
  /** The authorities that may vouch for the broker. */
  readonly ca: string | null;
  /** What this side shows of itself, where the broker asks. */
  readonly cert: string | null;
  readonly key: string | null;
}

interface Way {
  readonly url: string;
  readonly tls?: TlsFiles;
}

type Stream = ReturnType<ConstructorParameters<typeof MqttClient>[0]>;

export function isBrokerProtocol(protocol: string): protocol is BrokerProtocol {
  return Object.hasOwn(brokerPorts, protocol);
}

/** The address without the credentials in it. Of WebSockets the path is part of it. */
export function brokerAddress(url: URL): string {
  const web = url.protocol === 'ws:' || url.protocol === 'wss:';
  const path = web ? `${url.pathname}${url.search}` : '';
  return `${url.protocol}//${url.host}${path === '/' ? '' : path}`;
}

/**
 * Opens the connections. The package's own `connect` would load WebSockets, SOCKS and compression
 * with the first of them, which an agent has no memory for. Throws `BROKER_REFUSED`,
 * `FILE_UNREADABLE`.
 */
export function streams({ url, tls: files }: Way): () => Stream {
  const { protocol, hostname, port: given } = URL.canParse(url) ? new URL(url) : nowhere;
  if (!isBrokerProtocol(protocol)) {
    const reason =
      'expected mqtt://host:port, mqtts://host:port, ws://host/path or wss://host/path';
    throw new FettleError('BROKER_REFUSED', { url, reason });
  }
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(given || brokerPorts[protocol]);
  if (protocol === 'ws:') return () => openWebSocket(url);
  if (protocol === 'mqtt:' || protocol === 'tcp:') return () => counted(connectTcp({ host, port }));
  const tls = process.getBuiltinModule('node:tls');
  const name = isIP(host) === 0 ? { servername: host } : {};
  let known = readTls(files);
  return () => {
    // They are renewed without a restart; while one is being replaced the last ones do.
    try {
      known = readTls(files);
    } catch {}
    if (protocol === 'wss:') return openWebSocket(url, known);
    return counted(tls.connect({ host, port, ...name, ...known }));
  };
}

const nowhere = new URL('none://none');

function counted(socket: Socket): Socket {
  countSocket(socket);
  return socket;
}

/** Throws `FILE_UNREADABLE`. */
function readTls(files: TlsFiles | undefined): Record<string, Buffer> {
  const read = (path: string) => {
    try {
      return readFileSync(path);
    } catch (thrown) {
      throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) });
    }
  };
  const given = Object.entries(files ?? {}).flatMap(([name, path]) =>
    path === null ? [] : [[name, read(path)]],
  );
  return Object.fromEntries(given);
}
