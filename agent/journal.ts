/**
 * What the agent is doing and has done, one typed row each; the only memory that decides what it
 * does next.
 */
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { reasonOf } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import { Count, DigestText, ErrorReportSchema } from '../shared/protocol/fields.ts';
import { Desired, Release, Serving } from '../shared/protocol/messages.ts';
import { Profile } from '../shared/protocol/profile.ts';
import { Tuning } from '../shared/protocol/tuning.ts';
import type { Store } from './store.ts';

/** A variant that serves, served before, or is on its way to. */
export const Slot = v.object({
  /** What it was chosen for: see `goalKeyOf`. */
  goalKey: DigestText,
  serving: Serving,
  golden: v.nullable(DigestText),
  /** The revision for which it has passed its soak. */
  soaked: v.nullable(Count),
});
export type Slot = v.InferOutput<typeof Slot>;

/** Why a revision could not be reached. */
const Failure = v.object({
  revision: Count,
  error: ErrorReportSchema,
  attempts: Count,
  /** A fault of the way there, that is tried again by itself: the revision has not failed. */
  waiting: v.boolean(),
});

const rows = {
  /** The last accepted desired document. */
  desired: Desired,
  /** The last accepted release document: which agent is wanted. */
  release: Release,
  /** Why that agent could not be reached; as `failure`. */
  update: Failure,
  current: Slot,
  previous: Slot,
  /** What tuning chose for a goal, kept so that a restart doesn't tune again. */
  chosen: Slot,
  /** The last tuning, sent until the controller has stored it. */
  tuning: v.object({ tuning: Tuning, acknowledged: v.boolean() }),
  /** How often what serves was found to have drifted from its tuning, and why the last time. */
  drift: v.object({ model: DigestText, times: Count, reason: v.string() }),
  failure: Failure,
  /**
   * What was loaded last, and how many processes died one after the other: loading it, running it.
   */
  risk: v.object({ key: v.string(), loads: Count, runs: Count }),
  /** The device as it was profiled, and what that depends on. */
  profile: v.object({ basis: DigestText, profile: Profile }),
  /** Report numbers below this may have been used. */
  seq: Count,
  spool: v.object({ id: v.string(), dropped: Count }),
} as const;

type Rows = typeof rows;
export type JournalKey = keyof Rows;
export type JournalRow<K extends JournalKey> = v.InferOutput<Rows[K]>;
export type JournalChange = { readonly [K in JournalKey]?: JournalRow<K> | null };

export interface Journal {
  get<K extends JournalKey>(key: K): JournalRow<K> | null;
  /** Writes all members or none; null removes. Durable when it returns. */
  change(change: JournalChange): void;
  /** The next report number; rises by one, never used twice, across restarts. */
  nextSeq(): number;
  readonly spoolId: string;
}

/** Report numbers are reserved in blocks, so that most reports cost no disk write. */
const seqBlock = 1000;

export function openJournal(store: Store, onFault: (text: string) => void): Journal {
  const get = <K extends JournalKey>(key: K) => load(store, key, onFault);
  const change = (changes: JournalChange) => {
    const texts = Object.entries(changes).map(([key, value]) => [
      key,
      value === null ? null : encodeJson(value),
    ]);
    store.write(Object.fromEntries(texts));
  };
  let seq = get('seq') ?? 0;
  let reserved = seq;
  const spool = get('spool') ?? { id: randomUUID(), dropped: 0 };
  change({ spool });
  return {
    get,
    change,
    spoolId: spool.id,
    nextSeq() {
      if (seq >= reserved) {
        change({ seq: seq + seqBlock });
        reserved = seq + seqBlock;
      }
      seq += 1;
      return seq - 1;
    },
  };
}

/** A row that an older or newer agent wrote differently counts as absent, and that is said. */
function load<K extends JournalKey>(
  store: Store,
  key: K,
  onFault: (text: string) => void,
): JournalRow<K> | null {
  const text = store.read(key);
  if (text === null) return null;
  try {
    return v.parse(rows[key], JSON.parse(text));
  } catch (thrown) {
    onFault(`journal row ${key} is not readable (${reasonOf(thrown)}); it is ignored`);
    return null;
  }
}
