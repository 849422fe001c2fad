/** What a device told of itself, newest first. */
import type { DeviceDetail } from '../../../shared/protocol/api.ts';
import { formatAgo, formatInstant } from '../format/time.ts';
import { useNow } from '../state/world.ts';

export function Events({ events }: { readonly events: DeviceDetail['events'] }) {
  const now = useNow();
  if (events.length === 0) return <p class="quiet">Nothing has happened yet.</p>;
  const sorted = [...events].sort((a, b) => (a.at < b.at ? 1 : -1));
  return (
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
          {sorted.map((event, index) => (
            <tr key={`${event.at} ${event.code} ${index}`} class={`event-${event.level}`}>
              <td class="event-at number" title={formatInstant(event.at)}>
                {formatAgo(event.at, now)}
              </td>
              <td class="event-code">{event.code}</td>
              <td class="event-message">{event.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
