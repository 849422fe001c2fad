/**
 * Preloaded into an agent by `node --import`: every call of the product to a file, the database or
 * the network passes here, is known by where it stands, and may be the last thing that the process
 * does. `FETTLE_POINTS` says what for: to write down which points were passed, or to die at one.
 *
 * A point is the call and the three nearest places of the product that led to it, so that the same
 * database call in two steps is two points. What looks at the machine (`agent/profile/`) changes
 * nothing and is left out.
 */
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { relative } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { MqttClient } from 'mqtt';
import * as v from 'valibot';
import { productRoot } from '../../../shared/product.ts';
import { PointsOrder, type ReadOrder } from './order.ts';

type Real = (...args: unknown[]) => unknown;
type After = (result: unknown, done: () => void) => void;

const framesMax = 3;
const root = `file://${productRoot()}/`;
const order = isMainThread ? process.env.FETTLE_POINTS : undefined;
// Children of this process are none of its points.
delete process.env.FETTLE_POINTS;

/** Which places name a point, and which one must have led to it. */
let parts = /^/;
let through = /^/;

async function watch(asked: ReadOrder): Promise<void> {
  parts = new RegExp(asked.parts);
  through = new RegExp(asked.through);
  Error.stackTraceLimit = 40;
  const seen = new Map<string, number>();
  const pass = passing(seen, asked);
  const files = process.getBuiltinModule('node:fs');
  wrapAll(files, { fs: syncCalls }, pass);
  wrapAll(files.promises, { fs: asyncCalls }, pass);
  wrap(
    files,
    { name: 'createReadStream', op: 'fs.createReadStream', after: onEvent('open') },
    pass,
  );
  await wrapHandles(pass);
  const http = process.getBuiltinModule('node:http');
  for (const name of ['request', 'get']) {
    wrap(http, { name, op: `http.${name}`, after: onEvent('response') }, pass);
  }
  const net = process.getBuiltinModule('node:net');
  wrap(net, { name: 'connect', op: 'net.connect', after: onEvent('connect') }, pass);
  wrap(
    net.Server.prototype,
    { name: 'listen', op: 'net.listen', after: onEvent('listening') },
    pass,
  );
  wrapAll(MqttClient.prototype, { mqtt: ['publishAsync', 'subscribeAsync', 'endAsync'] }, pass);
  const database = new Database(':memory:');
  const statement: unknown = Object.getPrototypeOf(database.prepare('select 1'));
  database.close();
  wrapAll(Database.prototype, { database: ['exec', 'pragma', 'prepare', 'close'] }, pass);
  if (typeof statement === 'object' && statement) {
    wrapAll(statement, { database: ['run', 'get', 'all'] }, pass);
  }
  syncBuiltinESMExports();
  if (asked.kind === 'record') {
    const { writeFileSync } = files;
    process.on('exit', () => writeFileSync(asked.path, JSON.stringify([...seen])));
  }
}

const syncCalls = [
  ...['openSync', 'closeSync', 'readSync', 'writeSync', 'mkdirSync', 'renameSync', 'rmSync'],
  ...['existsSync', 'readFileSync', 'writeFileSync', 'readdirSync', 'statSync'],
];
const asyncCalls = [
  ...['mkdir', 'readFile', 'readdir', 'rename', 'rm', 'stat', 'statfs', 'writeFile'],
];
const handleCalls = ['read', 'write', 'writeFile', 'sync', 'truncate'];

/** What is opened; `close` is each handle's own. */
async function wrapHandles(pass: Pass): Promise<void> {
  const { promises } = process.getBuiltinModule('node:fs');
  const handle = await open(productRoot());
  wrapAll(Object.getPrototypeOf(handle), { file: handleCalls }, pass);
  await handle.close();
  const after: After = (result, done) => {
    if (!(result instanceof Promise)) return;
    result.then(
      (opened: object) => {
        wrap(opened, { name: 'close', op: 'file.close', after: onResult }, pass);
        done();
      },
      () => {},
    );
  };
  wrap(promises, { name: 'open', op: 'fs.open', after }, pass);
}

/** Called before and after each call: it does not come back from the point that was asked for. */
interface Pass {
  /** Returns which passing of the point it is, counted from 1. */
  before(point: string): number;
  after(point: string, nth: number): void;
}

function passing(seen: Map<string, number>, asked: ReadOrder): Pass {
  const dieAt = (point: string, when: 'before' | 'after', nth: number) => {
    if (asked.kind !== 'kill' || asked.point !== point || asked.when !== when) return;
    if (asked.nth === nth) process.kill(process.pid, 'SIGKILL');
  };
  return {
    before(point) {
      const nth = (seen.get(point) ?? 0) + 1;
      seen.set(point, nth);
      dieAt(point, 'before', nth);
      return nth;
    },
    after: (point, nth) => dieAt(point, 'after', nth),
  };
}

function wrapAll(target: object, calls: Readonly<Record<string, readonly string[]>>, pass: Pass) {
  for (const [kind, names] of Object.entries(calls)) {
    for (const name of names) {
      if (typeof Reflect.get(target, name) !== 'function') continue;
      wrap(target, { name, op: `${kind}.${name}`, after: onResult }, pass);
    }
  }
}

interface Wrapped {
  readonly name: string;
  readonly op: string;
  /** Calls `done` when the call has had its effect. */
  readonly after: After;
}

function wrap(target: object, { name, op, after }: Wrapped, pass: Pass): void {
  const real: Real = Reflect.get(target, name);
  const value = function (this: unknown, ...args: unknown[]): unknown {
    const where = placeOf(new Error().stack ?? '');
    if (where === null) return Reflect.apply(real, this, args);
    const point = `${op}${topicOf(args)} | ${where}`;
    const nth = pass.before(point);
    const result = Reflect.apply(real, this, args);
    after(result, () => pass.after(point, nth));
    return result;
  };
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

const onResult: After = (result, done) => {
  if (result instanceof Promise) result.then(done, () => {});
  else done();
};

function onEvent(event: string): After {
  return (result, done) => {
    const once: unknown = Reflect.get(Object(result), 'once');
    if (typeof once === 'function') Reflect.apply(once, result, [event, done]);
  };
}

/** The nearest places of the product; null where the call is not the product's, or only looks. */
function placeOf(stack: string): string | null {
  const places: string[] = [];
  const lines = stack.split('\n').slice(2);
  // Node calls for itself, to load a module say.
  if (/\((node:|internal\/)/.test(lines[0] ?? '')) return null;
  for (const line of lines) {
    const found = /(file:\/\/\S+?):(\d+):\d+\)?$/.exec(line);
    if (!found?.[1]?.startsWith(root)) continue;
    const path = relative(root, found[1]);
    if (!parts.test(path)) continue;
    if (path.startsWith('agent/profile/') || path === 'shared/product.ts') return null;
    places.push(`${path}:${found[2]}`);
  }
  if (places.length === 0 || !places.some((place) => through.test(place))) return null;
  return places.slice(0, framesMax).join(' < ');
}

/** What is published on tells publications apart. */
function topicOf([first]: readonly unknown[]): string {
  return typeof first === 'string' && first.startsWith('fettle/')
    ? ` ${first.split('/').at(-1)}`
    : '';
}

if (order !== undefined) await watch(v.parse(PointsOrder, JSON.parse(order)));
