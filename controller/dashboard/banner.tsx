/** Says that what is shown may be old, and since when. */
import { formatAgo } from './format/time.ts';
import type { Status } from './state/store.ts';
import { useNow, useWorld } from './state/world.ts';

export function Banner({ status }: { readonly status: Status }) {
  return status.state === 'offline' ? <Offline status={status} /> : null;
}

function Offline({ status }: { readonly status: Extract<Status, { state: 'offline' }> }) {
  const { connect, store } = useWorld();
  const now = useNow();
  const ago = formatAgo(new Date(status.sinceMs).toISOString(), now);
  return (
    <div class="banner" role="alert">
      <b>No connection to the controller</b>
      <span>
        {ago === 'now' ? 'just now' : `for ${ago}`}
        {store.loaded() ? '; what you see is the last known state.' : '.'} Trying again by itself.
      </span>
      <span class="banner-reason">{status.reason}</span>
      <button type="button" class="button" onClick={() => connect()}>
        Try now
      </button>
    </div>
  );
}
