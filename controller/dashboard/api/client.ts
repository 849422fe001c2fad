/**
 * The controller's HTTP API as the page uses it. Nothing throws: an answer is a value or a fault
 * with its reason.
 */
import type {
  DeviceDetail,
  DeviceSummary,
  ModelRecord,
  Problem,
  TelemetryAnswer,
  VariantRecord,
} from '../../../shared/protocol/api.ts';
import type { VersionComparison } from '../../../shared/protocol/comparisons.ts';
import type { LogEntry } from '../../../shared/protocol/device-log.ts';
import type { PersonRole } from '../../../shared/protocol/people.ts';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import type { TokenBox } from './token.ts';

export interface Fault {
  readonly kind: 'unauthorized' | 'forbidden' | 'missing' | 'unreachable' | 'refused';
  readonly message: string;
  readonly hint: string;
}

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Fault };

export const rolloutActions = ['pause', 'resume', 'approve', 'retry', 'abort', 'rollback'] as const;
export type RolloutAction = (typeof rolloutActions)[number];

export interface Session {
  readonly role: PersonRole;
}

export interface Api {
  session(): Promise<Answer<Session>>;
  /** All devices; `onPage` is handed each part of the list as it arrives. */
  devices(onPage?: (page: readonly DeviceSummary[]) => void): Promise<Answer<DeviceSummary[]>>;
  device(name: string): Promise<Answer<DeviceDetail>>;
  /** Older entries of the log of a device. */
  log(name: string, cursor: string): Promise<Answer<Page<LogEntry>>>;
  /** Telemetry since an instant, as fine as makes a chart. */
  telemetry(name: string, from: Date): Promise<Answer<TelemetryAnswer>>;
  models(): Promise<Answer<ModelRecord[]>>;
  variants(model: string, version: number): Promise<Answer<VariantRecord[]>>;
  /** The version against those that it would replace. */
  comparisons(model: string, version: number): Promise<Answer<VersionComparison[]>>;
  rollouts(): Promise<Answer<RolloutRecord[]>>;
  act(rollout: string, action: RolloutAction): Promise<Answer<RolloutRecord>>;
  /** Replaces the labels that people gave a device. */
  setLabels(name: string, labels: DeviceSummary['labels']): Promise<Answer<DeviceSummary>>;
  /** A file by its digest, whole. */
  blob(digest: string): Promise<Answer<Blob>>;
  /** The stream of live events; it stays open until `signal` ends it. */
  events(signal: AbortSignal): Promise<Answer<ReadableStream<Uint8Array>>>;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
}

const requestTimeoutMs = 20_000;
const pageSize = 1000;
/** Pages that are followed at most: 1,000,000 entries. */
const pagesMax = 1000;

export function createApi(token: TokenBox, baseUrl: string): Api {
  const call = (path: string, init: RequestInit = {}) => request({ token, baseUrl, path, init });
  const one = async <T>(path: string, init?: RequestInit) => readJson<T>(await call(path, init));
  const all = async <T>(path: string, onPage?: (page: readonly T[]) => void) => {
    const items: T[] = [];
    let next: string | null = '';
    for (let page = 0; next !== null && page < pagesMax; page += 1) {
      const answer: Answer<Page<T> | T[]> = await one(paged(path, next));
      if (!answer.ok) return answer;
      const body: Page<T> | T[] = answer.value;
      const part = 'items' in body ? body.items : body;
      onPage?.(part);
      items.push(...part);
      next = 'items' in body ? (body.next ?? null) : null;
    }
    return { ok: true, value: items } as const;
  };
  const part = encodeURIComponent;
  return {
    session: () => one('session'),
    devices: (onPage) => all('devices', onPage),
    device: (name) => one(`devices/${part(name)}`),
    log: (name, cursor) => one(`devices/${part(name)}/events?limit=100&cursor=${part(cursor)}`),
    telemetry: (name, from) => one(`devices/${part(name)}/telemetry?from=${from.toISOString()}`),
    models: () => all('models'),
    variants: (model, version) => all(`models/${part(model)}/${version}/variants`),
    comparisons: (model, version) =>
      all(`models/${part(model)}/${version}/comparisons?waitSeconds=15`),
    rollouts: () => all('rollouts'),
    act: (rollout, action) => one(`rollouts/${part(rollout)}/${action}`, { method: 'POST' }),
    setLabels: (name, labels) =>
      one(`devices/${part(name)}/labels`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(labels),
      }),
    async blob(digest) {
      // A file takes as long as it takes: it is the browser's to give up.
      const init = { signal: new AbortController().signal };
      const answer = await call(`blobs/${part(digest)}`, init);
      return answer.ok ? { ok: true, value: await answer.value.blob() } : answer;
    },
    async events(signal) {
      const answer = await call('events', { signal, headers: { accept: 'text/event-stream' } });
      if (!answer.ok) return answer;
      const { body } = answer.value;
      return body ? { ok: true, value: body } : refused('the controller sent no event stream');
    },
  };
}

interface Request {
  readonly token: TokenBox;
  readonly baseUrl: string;
  readonly path: string;
  readonly init: RequestInit;
}

async function request({ token, baseUrl, path, init }: Request): Promise<Answer<Response>> {
  const held = token.read();
  const headers = new Headers(init.headers);
  if (held !== null) headers.set('authorization', `Bearer ${held}`);
  const signal = init.signal ?? AbortSignal.timeout(requestTimeoutMs);
  try {
    const response = await fetch(new URL(`api/v1/${path}`, baseUrl), { ...init, headers, signal });
    return response.ok
      ? { ok: true, value: response }
      : { ok: false, fault: await faultOf(response) };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return {
      ok: false,
      fault: { kind: 'unreachable', message, hint: 'Is the controller running?' },
    };
  }
}

async function readJson<T>(answer: Answer<Response>): Promise<Answer<T>> {
  if (!answer.ok) return answer;
  try {
    const value: T = await answer.value.json();
    return { ok: true, value };
  } catch {
    return refused('the controller sent something that is not JSON');
  }
}

async function faultOf(response: Response): Promise<Fault> {
  const problem: Partial<Problem> = await response.json().catch(() => ({}));
  const kinds: Readonly<Record<number, Fault['kind']>> = {
    401: 'unauthorized',
    403: 'forbidden',
    404: 'missing',
  };
  return {
    kind: kinds[response.status] ?? 'refused',
    message: problem.detail ?? `the controller answered ${response.status}`,
    hint: problem.hint ?? '',
  };
}

function refused(message: string): { readonly ok: false; readonly fault: Fault } {
  return {
    ok: false,
    fault: { kind: 'refused', message, hint: 'Update the older of the two sides.' },
  };
}

function paged(path: string, cursor: string): string {
  const query = new URLSearchParams({ limit: String(pageSize) });
  if (cursor !== '') query.set('cursor', cursor);
  return `${path}${path.includes('?') ? '&' : '?'}${query}`;
}
