/**
 * The proxy of the environment: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in capitals or small
 * letters, as Node's own agents read them. This machine itself is never asked through one.
 */
import type { Agent } from 'node:http';
import { FettleError } from './errors.ts';
import { isLoopback } from './loopback.ts';
import { httpFor } from './node-http.ts';

const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'];

/** What an agent for this address is made with. Throws `BAD_SETTING`. */
function proxyOptions(url: string | URL): { proxyEnv?: Record<string, string> } {
  const given = names.flatMap((name) => {
    const value = process.env[name];
    return value ? [[name, checked(name, value)]] : [];
  });
  const proxyEnv: Record<string, string> = Object.fromEntries(given);
  const isGiven = Object.keys(proxyEnv).some((name) => !/^no_/i.test(name));
  return isGiven && !isLoopback(new URL(url).hostname) ? { proxyEnv } : {};
}

const agents = new Map<boolean, Agent>();

/** The agent for requests to this address; undefined is Node's own. Throws `BAD_SETTING`. */
export function agentFor(url: string | URL): Agent | undefined {
  const options = proxyOptions(url);
  if (options.proxyEnv === undefined) return undefined;
  const secure = new URL(url).protocol === 'https:';
  const known = agents.get(secure);
  if (known) return known;
  const made = newAgent(url, { keepAlive: true });
  agents.set(secure, made);
  return made;
}

/** An agent of its own for this address. Throws `BAD_SETTING`. */
export function newAgent(
  url: string | URL,
  options: { readonly keepAlive: boolean; readonly maxSockets?: number },
): Agent {
  const { proxyEnv } = proxyOptions(url);
  const { Agent: Made } = httpFor(url);
  return new Made({ ...options, ...(proxyEnv && { proxyEnv }) });
}

/** Node goes past a proxy whose address it cannot read. */
function checked(setting: string, got: string): string {
  if (/^no_/i.test(setting)) return got;
  if (URL.canParse(got) && /^https?:$/.test(new URL(got).protocol)) return got;
  const expected = 'an address such as http://user:password@proxy:3128';
  throw new FettleError('BAD_SETTING', { setting, expected, got });
}
