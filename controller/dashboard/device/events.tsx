/** The log of a device: what it said of itself and what the controller knows, newest first. */
import { useRef, useState } from 'preact/hooks';
import type { DeviceDetail } from '../../../shared/protocol/api.ts';
import type { LogEntry } from '../../../shared/protocol/device-log.ts';
import type { Page } from '../api/client.ts';
import { formatAgo, formatInstant } from '../format/time.ts';
import { useNow, useWorld } from '../state/world.ts';

export function Events({ detail }: { readonly detail: DeviceDetail }) {
  const now = useNow();
  const { entries, older } = useLog(detail);
  if (entries.length === 0) return <p class="quiet">Nothing has happened yet.</p>;
  return (
    <>
      <div class="scroll-y">
        <table class="plain-table events">
          <thead class="unseen">
            <tr>
              <th scope="col">When</th>
              <th scope="col">What</th>
              <th scope="col">Message</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <tr key={keyOf(entry)} class={`event-${entry.level}`}>
                <td class="event-at number" title={formatInstant(entry.at)}>
                  {formatAgo(entry.at, now)}
                </td>
                <td class="event-code">{entry.code}</td>
                <td class="event-message">
                  {entry.message} <Times entry={entry} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {older && (
        <button type="button" class="button" onClick={older}>
          Older
        </button>
      )}
    </>
  );
}

function Times({ entry: { times, lastAt } }: { readonly entry: LogEntry }) {
  if (times < 2) return null;
  return (
    <span class="event-times" title={`the last at ${formatInstant(lastAt)}`}>
      {times} times
    </span>
  );
}

/** What was fetched so far: the newest of the device's detail, and the pages behind it. */
function useLog({ device, events, eventsNext }: DeviceDetail): {
  readonly entries: readonly LogEntry[];
  /** Fetches the page behind; null where there is none. */
  readonly older: (() => void) | null;
} {
  const { api } = useWorld();
  const held = useRef(new Map<string, LogEntry>());
  const [page, setPage] = useState<Page<LogEntry> | null>(null);
  for (const entry of events) held.current.set(keyOf(entry), entry);
  const cursor = page ? page.next : eventsNext;
  const fetchOlder = async (from: string) => {
    const answer = await api.log(device, from);
    if (!answer.ok) return;
    for (const entry of answer.value.items) held.current.set(keyOf(entry), entry);
    setPage(answer.value);
  };
  const entries = [...held.current.values()].sort((a, b) => (a.at < b.at ? 1 : -1));
  return { entries, older: cursor === null ? null : () => void fetchOlder(cursor) };
}

/** An entry is counted on, and one of a connection says something else by then. */
function keyOf({ at, kind, code, message }: LogEntry): string {
  return kind === 'connection' ? `${at} ${kind}` : `${at} ${kind} ${code} ${message}`;
}
