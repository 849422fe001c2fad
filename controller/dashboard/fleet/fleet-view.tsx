/** The fleet, live: at a glance, its rollouts, and every device in a table. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { counted } from '../format/numbers.ts';
import { Notice, Skeleton } from '../parts/notice.tsx';
import { useDocumentKeys } from '../parts/use-document-keys.ts';
import { useTitle } from '../parts/use-title.ts';
import { RolloutStrip } from '../rollouts/strip.tsx';
import { tally } from '../state/health.ts';
import { deviceHref, fleetHref, parseRoute } from '../state/route.ts';
import { useTopics, useWorld } from '../state/world.ts';
import { totalsOf } from './overview.ts';
import { defaultOrder, type Order, type SortColumn, sortKeys } from './sort.ts';
import { pulsePointsMax, Summary } from './summary.tsx';
import { FleetTable } from './table.tsx';
import { Toolbar } from './toolbar.tsx';
import { useShown } from './use-shown.ts';

export function FleetView({ query }: { readonly query: URLSearchParams }) {
  const { store } = useWorld();
  const version = useTopics('devices', 'rollouts', 'status');
  const [filter, setFilter] = useState(query.get('q') ?? '');
  const [order, setOrder] = useState<Order>(() => readOrder(query));
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    setFilter(query.get('q') ?? '');
    setOrder(readOrder(query));
  }, [query]);
  useEffect(() => {
    // The address may name the next view already.
    if (parseRoute(location.hash).view !== 'fleet') return;
    history.replaceState(null, '', addressOf(filter, order));
  }, [filter, order]);
  useFilterKeys(field, setFilter);
  useFirstRowsMark(store.loaded());
  // The store is one map that changes in place: its version says when to look again.
  const pulse = usePulse(() => [...store.devices.values()]);
  const all = useMemo(() => [...store.devices.values()], [store, version]);
  const shown = useShown(store, filter, order);
  const { failed } = tally(all);
  // A tab in the background still tells that something needs a person.
  useTitle(failed > 0 ? `(${failed} failed) Fleet` : 'Fleet');
  if (!store.loaded()) return <Skeleton rows={8} />;
  if (all.length === 0) return <NoDevices />;
  return (
    <>
      <h1 class="unseen">Fleet</h1>
      <Summary devices={all} pulse={pulse} filter={filter} onFilter={setFilter} />
      <RolloutStrip rollouts={store.rollouts.values()} />
      <Toolbar
        field={field}
        filter={filter}
        onFilter={setFilter}
        order={order}
        onOrder={setOrder}
        count={
          shown.length === all.length
            ? counted(all.length, 'device')
            : `${counted(shown.length, 'device')} of ${all.length}`
        }
      />
      {shown.length === 0 ? (
        <Notice title="No device matches the filter">
          <p>
            Nothing fits <code>{filter}</code>.
          </p>
          <button type="button" class="button" onClick={() => setFilter('')}>
            Clear the filter
          </button>
        </Notice>
      ) : (
        <FleetTable
          devices={shown}
          order={order}
          onOrder={setOrder}
          onOpen={(device) => location.assign(deviceHref(device))}
        />
      )}
    </>
  );
}

function NoDevices() {
  return (
    <Notice title="No device has enrolled yet">
      <p>Start an agent on a device and it appears here by itself:</p>
      <pre class="command">fettle agent --controller {location.origin} --token …</pre>
      <p class="quiet">To see it work on this machine alone: fettle up</p>
    </Notice>
  );
}

/** `/` goes to the filter, Escape empties it and then leaves it. */
function useFilterKeys(
  field: { readonly current: HTMLInputElement | null },
  setFilter: (filter: string) => void,
): void {
  useDocumentKeys((event) => {
    const inField = event.target === field.current;
    if (event.key === '/' && !inField && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      field.current?.focus();
      field.current?.select();
    }
    if (event.key !== 'Escape' || !inField) return;
    if (field.current?.value === '') field.current.blur();
    setFilter('');
  });
}

/** Tells the browser's performance timeline when the fleet was drawn first. */
function useFirstRowsMark(drawn: boolean): void {
  useEffect(() => {
    if (drawn && performance.getEntriesByName('fleet').length === 0) performance.mark('fleet');
  }, [drawn]);
}

/** The fleet's throughput, once a second from when the view was opened. */
function usePulse(devices: () => readonly DeviceSummary[]): readonly number[] {
  const { ticker } = useWorld();
  const [pulse, setPulse] = useState<readonly number[]>([]);
  const latest = useRef(devices);
  latest.current = devices;
  useEffect(
    () =>
      ticker.subscribe(() => {
        const { requestsPerSecond } = totalsOf(latest.current());
        setPulse((held) => [...held.slice(1 - pulsePointsMax), requestsPerSecond]);
      }),
    [ticker],
  );
  return pulse;
}

function readOrder(query: URLSearchParams): Order {
  const [name, direction] = (query.get('sort') ?? '').split('.', 2);
  const column = columnNamed(name ?? '');
  return column === null ? defaultOrder : { column, descending: direction === 'desc' };
}

function columnNamed(name: string): SortColumn | null {
  const all: readonly SortColumn[] = typedKeys(sortKeys);
  return all.find((column) => column === name) ?? null;
}

function typedKeys<K extends string>(table: Readonly<Record<K, unknown>>): K[] {
  const keys: K[] = [];
  for (const key in table) keys.push(key);
  return keys;
}

function addressOf(filter: string, order: Order): string {
  const query = new URLSearchParams();
  if (filter !== '') query.set('q', filter);
  if (order.column !== defaultOrder.column || order.descending) {
    query.set('sort', order.descending ? `${order.column}.desc` : order.column);
  }
  return fleetHref(query);
}
