/** The controller that was just started, as the demonstration uses it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import { writeClientConfig } from '../../shared/client-config.ts';
import { FettleError } from '../../shared/errors.ts';
import { createHttpClient, type HttpClient } from '../../shared/http-client.ts';
import { DeviceSummary, ModelRecord } from '../../shared/protocol/api.ts';
import { fetchAll } from '../pages.ts';
import type { Seen } from './watch.ts';

export interface Controller {
  readonly url: string;
  /** The dashboard's address with the token that opens it. */
  readonly dashboard: string;
  readonly client: HttpClient;
  enrolmentToken(uses: number): Promise<string>;
  /** The newest version of the model of this name, and the fleet. */
  look(model: string): Promise<Seen>;
}

interface Starting {
  readonly url: string;
  /** Its data folder, where it keeps the administrator's token. */
  readonly folder: string;
  readonly logPath: string;
  readonly signal: AbortSignal;
}

const startTimeoutMs = 60_000;
const lookEveryMs = 100;

/**
 * Waits until the controller answers, and writes where it is for this user's other commands.
 * Returns null when aborted. Throws `TIMEOUT` with the path of its log.
 */
export async function connectController(starting: Starting): Promise<Controller | null> {
  const { url, folder, logPath, signal } = starting;
  const endMs = performance.now() + startTimeoutMs;
  while (!signal.aborted) {
    const token = await readFile(join(folder, 'secrets', 'admin-token'), 'utf8').catch(() => null);
    const client = createHttpClient({ url, token: token?.trim() ?? null });
    if (token !== null && (await answers(client))) {
      await writeClientConfig({ controller: url, token: token.trim() });
      return controllerOf(client, token.trim());
    }
    if (performance.now() > endMs) {
      const what = `controller (its log: ${logPath})`;
      throw new FettleError('TIMEOUT', { what, timeoutMs: startTimeoutMs });
    }
    await pause(lookEveryMs, undefined, { signal }).catch(() => {});
  }
  return null;
}

const Token = v.object({ token: v.string() });

function controllerOf(client: HttpClient, token: string): Controller {
  return {
    url: client.url,
    dashboard: `${client.url}/#token=${token}`,
    client,
    async enrolmentToken(maxUses) {
      const body = { maxUses };
      const path = '/api/v1/enrolment-tokens';
      return (await client.call(Token, path, { method: 'POST', body })).token;
    },
    async look(name) {
      const [models, devices] = await Promise.all([
        fetchAll(client, ModelRecord, { path: '/api/v1/models' }),
        fetchAll(client, DeviceSummary, { path: '/api/v1/devices' }),
      ]);
      return { model: newest(models, name), devices };
    },
  };
}

/** The newest version of the model; null where there is none. */
export function newest(models: readonly ModelRecord[], name: string): ModelRecord | null {
  const versions = models.filter((model) => model.name === name);
  return versions.sort((a, b) => b.version - a.version)[0] ?? null;
}

/** A status of 200: the token is right, so it is this folder's controller and not another one. */
async function answers(client: HttpClient): Promise<boolean> {
  try {
    await client.call(v.unknown(), '/api/v1/session', { timeoutMs: 2000 });
    return true;
  } catch {
    return false;
  }
}
