/** Whether controller and broker answer, and whether this clock agrees with the controller's. */
import { connect } from 'node:net';
import { controllerUrl } from '../../shared/controller-url.ts';
import { reasonOf } from '../../shared/errors.ts';
import { httpFor } from '../../shared/node-http.ts';
import { knownIdentity } from '../enrol.ts';
import { type Check, failed, hint, ok, skipped } from './check.ts';

export interface Reach {
  readonly dataFolder: string;
  readonly controller: string | null;
  readonly signal: AbortSignal;
}

const timeoutMs = 5000;

export async function reachChecks({ dataFolder, controller, signal }: Reach): Promise<Check[]> {
  const identity = await knownIdentity(dataFolder);
  const url = controller ?? identity?.controller ?? null;
  const broker = identity?.mqtt.url ?? null;
  return [
    ...(url === null
      ? [skipped('controller', 'none is known', 'Name it with --controller.'), yearOnly()]
      : await checkController(url, signal)),
    broker === null
      ? skipped('broker', 'none is known before the device is enrolled')
      : await checkBroker(broker),
  ];
}

async function checkController(url: string, signal: AbortSignal): Promise<Check[]> {
  try {
    const asked = Date.now();
    const { status, date } = await head(url, signal);
    const found = `${url} answers (${status})`;
    const skew = date === null ? null : (Date.parse(date) - (asked + Date.now()) / 2) / 1000;
    return [ok('controller', found), skew === null ? yearOnly() : checkSkew(skew)];
  } catch (thrown) {
    const todo = 'Is it running, and does a firewall stand between? fettle controller';
    return [failed('controller', `${url}: ${reasonOf(thrown)}`, todo), yearOnly()];
  }
}

/** RFC 9110 §6.6.1: `Date` has whole seconds. */
const skewSecondsMax = 30;

function checkSkew(seconds: number): Check {
  const ahead = seconds > 0 ? 'behind' : 'ahead of';
  const found = `${Math.abs(Math.round(seconds))} s ${ahead} the controller`;
  if (Math.abs(seconds) <= skewSecondsMax) return ok('time', `within ${skewSecondsMax} s of it`);
  return hint('time', found, 'Set the clock: timedatectl set-ntp true. Figures get wrong times.');
}

/** Boards without a battery begin in 1970 or when their system was built. */
function yearOnly(): Check {
  const year = new Date().getFullYear();
  const todo = 'Set the clock: timedatectl set-ntp true.';
  return year >= 2026
    ? skipped('time', 'no controller to compare with')
    : hint('time', `the year is ${year}`, todo);
}

function head(url: string, signal: AbortSignal): Promise<{ status: number; date: string | null }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    date: string | null;
  }>();
  const target = controllerUrl(url, '/health');
  const limits = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const request = httpFor(target.href).request(target, { signal: limits }, (response) => {
    response.resume();
    resolve({ status: response.statusCode ?? 0, date: response.headers.date ?? null });
  });
  request.once('error', reject);
  request.end();
  return promise;
}

/** Whether the port takes a connection; nobody logs in. */
async function checkBroker(url: string): Promise<Check> {
  const { hostname, port, protocol } = new URL(url);
  const number = Number(port) || (protocol === 'mqtts:' ? 8883 : 1883);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host: hostname, port: number, timeout: timeoutMs }, resolve);
  socket.once('error', reject);
  socket.once('timeout', () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    await promise;
    return ok('broker', `${url} takes connections`);
  } catch (thrown) {
    const todo = 'Is it running, and does a firewall stand between?';
    return failed('broker', `${url}: ${reasonOf(thrown)}`, todo);
  } finally {
    socket.destroy();
  }
}
