/**
 * Messages stored together; where the data of one of them lets that fail, in halves, so that it
 * keeps nobody else from being stored. What fails alone is set aside.
 */
import { FettleError } from '../shared/errors.ts';

export interface Doors<M> {
  /** All of them or none. */
  readonly store: (messages: readonly M[]) => Promise<void>;
  readonly setAside: (message: M, thrown: unknown) => void;
}

/** Throws what is no fault of the data: the same messages may be stored later. */
export async function storeApart<M extends { readonly device: string }>(
  messages: readonly M[],
  doors: Doors<M>,
): Promise<void> {
  try {
    await doors.store(messages);
  } catch (thrown) {
    if (!isDataFault(thrown)) throw thrown;
    const [first] = messages;
    if (first && messages.length === 1) doors.setAside(first, thrown);
    else for (const part of partsOf(messages)) await storeApart(part, doors);
  }
}

/** Halves of the devices; of one device each message alone, in order. */
function partsOf<M extends { readonly device: string }>(messages: readonly M[]): M[][] {
  const devices = [...new Set(messages.map(({ device }) => device))];
  if (devices.length === 1) return messages.map((message) => [message]);
  const first = new Set(devices.slice(0, devices.length / 2));
  return [true, false].map((half) => messages.filter(({ device }) => first.has(device) === half));
}

/**
 * PostgreSQL, appendix A: data exception, integrity constraint violation, program limit exceeded;
 * a server that is away or full is another class.
 */
const postgresFaults = /^(22|23|54)\w{3}$/;
const sqliteFaults = /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/;

/** Whether the same data will fail again, however well the database is. */
export function isDataFault(thrown: unknown): boolean {
  if (thrown instanceof FettleError) return !thrown.retryable;
  if (thrown instanceof TypeError || thrown instanceof RangeError) return true;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  return postgresFaults.test(code) || sqliteFaults.test(code);
}
