/** Whether controller and broker answer, and whether this clock agrees with the controller's. */
import { connect } from 'node:net';
import { controllerUrl } from '../../shared/controller-url.ts';
import { FettleError, reasonOf, reportError } from '../../shared/errors.ts';
import { openMqtt } from '../../shared/mqtt.ts';
import { brokerPorts, isBrokerProtocol, type TlsFiles } from '../../shared/mqtt-streams.ts';
import { httpFor } from '../../shared/node-http.ts';
import { deviceRoutes } from '../../shared/protocol/routes.ts';
import { agentFor } from '../../shared/proxy.ts';
import { refusalOf } from '../../shared/refusal.ts';
import { type Identity, knownIdentity } from '../enrol.ts';
import { callJson } from '../http-client.ts';
import { type Check, failed, hint, ok, skipped } from './check.ts';

export interface Reach {
  readonly dataFolder: string;
  readonly controller: string | null;
  /** As the agent is given them. */
  readonly tls: TlsFiles;
  readonly signal: AbortSignal;
}

const timeoutMs = 5000;

export async function reachChecks({
  dataFolder,
  controller,
  tls,
  signal,
}: Reach): Promise<Check[]> {
  const identity = await knownIdentity(dataFolder);
  const url = controller ?? identity?.controller ?? null;
  return [
    ...(url === null
      ? [skipped('controller', 'none is known', 'Name it with --controller.'), yearOnly()]
      : await checkController(url, signal)),
    ...(identity === null
      ? [skipped('broker', 'none is known before the device is enrolled')]
      : [await checkCredentials(identity, signal), await checkBroker(identity, tls)]),
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
  const options = { signal: limits, agent: agentFor(target) };
  const request = httpFor(target.href).request(target, options, (response) => {
    response.resume();
    resolve({ status: response.statusCode ?? 0, date: response.headers.date ?? null });
  });
  request.once('error', reject);
  request.end();
  return promise;
}

/** Whether the controller still knows this device. */
async function checkCredentials(identity: Identity, signal: AbortSignal): Promise<Check> {
  const { controller, deviceToken, device } = identity;
  const url = controllerUrl(controller, deviceRoutes.broker()).href;
  try {
    const answer = await callJson({ url, method: 'GET', token: deviceToken, timeoutMs, signal });
    if (answer.status === 200) return ok('credentials', `the controller knows ${device}`);
    const { code, message: reason } = refusalOf(url, answer);
    if (code === 'UNAUTHORIZED' || code === 'FORBIDDEN') {
      return voidCredentials('credentials', { by: `controller ${controller}`, device, reason });
    }
    return hint('credentials', `not checked: ${reason}`, 'Try again when the controller is well.');
  } catch (thrown) {
    return skipped('credentials', `not checked: ${reasonOf(thrown)}`);
  }
}

function voidCredentials(
  what: string,
  details: { readonly by: string; readonly device: string; readonly reason: string },
): Check {
  const { message, hint: todo } = new FettleError('CREDENTIALS_VOID', details);
  return failed(what, message, todo);
}

/** Whether the broker takes a connection, and lets this device in. */
async function checkBroker({ device, mqtt }: Identity, tls: TlsFiles): Promise<Check> {
  const { url } = mqtt;
  const closed = await checkPort(url);
  if (closed !== null) return closed;
  try {
    return await logIn({ device, mqtt }, tls);
  } catch (thrown) {
    const { message, hint: todo } = reportError(thrown);
    return failed('broker', message, todo);
  }
}

async function logIn({ device, mqtt }: Pick<Identity, 'device' | 'mqtt'>, tls: TlsFiles) {
  const { url, username, password } = mqtt;
  const { promise, resolve } = Promise.withResolvers<Check>();
  const bus = openMqtt({
    ...{ url, username, password, tls, timeoutMs },
    // Beside the agent, whose own session goes on.
    clientId: `${device}:doctor`,
    onMessage: () => {},
    onState({ state, reason }) {
      if (state === 'connected') resolve(ok('broker', `${url} lets ${device} in`));
      else if (state === 'refused') {
        resolve(voidCredentials('broker', { by: `broker ${url}`, device, reason }));
      } else {
        const todo = 'Is it a broker, and are --mqtt-ca, --mqtt-cert and --mqtt-key right?';
        resolve(failed('broker', `${url}: ${reason}`, todo));
      }
    },
  });
  try {
    return await promise;
  } finally {
    await bus.end();
  }
}

/** null where the port takes a connection. */
async function checkPort(url: string): Promise<Check | null> {
  const { hostname, port, protocol } = new URL(url);
  // The proxy alone reaches it.
  if (protocol === 'wss:' && agentFor(url.replace('wss:', 'https:'))) return null;
  const usual = isBrokerProtocol(protocol) ? brokerPorts[protocol] : 1883;
  const number = Number(port) || usual;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host: hostname, port: number, timeout: timeoutMs }, resolve);
  socket.once('error', reject);
  socket.once('timeout', () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    await promise;
    return null;
  } catch (thrown) {
    const todo = 'Is it running, and does a firewall stand between?';
    return failed('broker', `${url}: ${reasonOf(thrown)}`, todo);
  } finally {
    socket.destroy();
  }
}
