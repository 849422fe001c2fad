/** Debian's Mosquitto as the broker of a fleet: its own accounts, its own access list. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Certificates } from './certificates.ts';
import { unusedPort } from './ports.ts';
import { until } from './until.ts';

export interface Mosquitto {
  readonly port: number;
  readonly url: string;
  /** What it has logged. */
  log(): string;
  kill(): Promise<void>;
}

/** name → password. */
export type Accounts = Readonly<Record<string, string>>;

export interface MosquittoOptions {
  readonly folder: string;
  readonly accounts: Accounts;
  readonly access: string;
  /** Speaks TLS only, and asks every client for a certificate of this authority. */
  readonly tls?: Certificates;
  /** Speaks MQTT over WebSockets. */
  readonly webSockets?: boolean;
  /** Where it listens; any where it is left out. */
  readonly port?: number;
}

/** Listens on the loopback with these accounts; an access list in mosquitto.conf(5) syntax. */
export async function startMosquitto(
  t: ExecutionContext,
  program: string,
  { folder, accounts, access, tls, webSockets = false, port = 0 }: MosquittoOptions,
): Promise<Mosquitto> {
  port ||= await unusedPort();
  const passwords = join(folder, 'passwords');
  const accessPath = join(folder, 'access');
  const config = join(folder, 'mosquitto.conf');
  writeFileSync(passwords, '', { mode: 0o600 });
  for (const [name, password] of Object.entries(accounts)) {
    execFileSync('mosquitto_passwd', ['-b', passwords, name, password], { stdio: 'pipe' });
  }
  writeFileSync(accessPath, access, { mode: 0o600 });
  const lines = [
    ...[`listener ${port} 127.0.0.1`, 'allow_anonymous false', 'persistence false'],
    ...[`password_file ${passwords}`, `acl_file ${accessPath}`, `user ${userName()}`],
  ];
  if (webSockets) {
    // Mosquitto 2.0.11 does not start where WebSockets are all that it listens for.
    const beside = `listener ${await unusedPort()} 127.0.0.1`;
    lines.splice(1, 0, 'protocol websockets', 'socket_domain ipv4', beside);
  }
  if (tls) {
    const { ca, server } = tls;
    lines.push(`cafile ${ca}`, `certfile ${server.cert}`, `keyfile ${server.key}`);
    lines.push('require_certificate true');
  }
  writeFileSync(config, `${lines.join('\n')}\n`);
  chmodSync(folder, 0o700);
  const child = spawn(program, ['-c', config, '-v'], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let log = '';
  const add = (chunk: Buffer) => {
    log += chunk.toString();
  };
  child.stdout.on('data', add);
  child.stderr.on('data', add);
  await until('mosquitto listens', () => {
    if (child.exitCode !== null) throw new Error(`mosquitto ended:\n${log}`);
    return canConnect(port);
  });
  const scheme = webSockets ? 'ws' : 'mqtt';
  const url = `${scheme}${tls ? 's' : ''}://127.0.0.1:${port}`;
  return { port, url, log: () => log, kill: () => end(child) };
}

/** The lines `topic payload` that a subscriber of `mosquitto_sub -v` prints. */
export function subscribe(
  t: ExecutionContext,
  program: string,
  options: { port: number; name: string; password: string; topic: string },
): { lines(): readonly string[] } {
  const { port, name, password, topic } = options;
  const args = ['-h', '127.0.0.1', '-p', String(port), '-u', name, '-P', password];
  const child = spawn(program, [...args, '-v', '-t', topic], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { lines: () => text.split('\n').filter(Boolean) };
}

/** Mosquitto gives up root's rights for another user's unless it is told to stay who it is. */
function userName(): string {
  return execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket.end() !== null));
    socket.once('error', () => resolve(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  if (child.kill('SIGKILL')) await gone;
}
