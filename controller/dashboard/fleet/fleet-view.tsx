/** The fleet, live: at a glance, its rollouts, and every device in a table. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { counted, formatCount } from '../format/numbers.ts';
import { Notice, Skeleton } from '../parts/notice.tsx';
import { useDocumentKeys } from '../parts/use-document-keys.ts';
import { RolloutStrip } from '../rollouts/strip.tsx';
import { deviceHref, fleetHref, parseRoute } from '../state/route.ts';
import type { Store } from '../state/store.ts';
import { useTopics, useWorld } from '../state/world.ts';
import { defaultOrder, type Order, type SortColumn, sortKeys } from './sort.ts';
import { Summary } from './summary.tsx';
import { FleetTable } from './table.tsx';
import { Toolbar } from './toolbar.tsx';
import { useShown } from './use-shown.ts';

export function FleetView({ query }: { readonly query: URLSearchParams }) {
  const { store } = useWorld();
  useTopics('status');
  const [filter, setFilter] = useState(query.get('q') ?? '');
  const [order, setOrder] = useState<Order>(() => readOrder(query));
  useEffect(() => {
    setFilter(query.get('q') ?? '');
    setOrder(readOrder(query));
  }, [query]);
  useEffect(() => {
    // The address may name the next view already.
    if (parseRoute(location.hash).view !== 'fleet') return;
    history.replaceState(null, '', addressOf(filter, order));
  }, [filter, order]);
  useFirstRowsMark(store.loaded());
  if (!store.loaded()) return <Skeleton rows={8} />;
  return (
    <>
      <h1 class="unseen">Fleet</h1>
      <Summary filter={filter} onFilter={setFilter} />
      <RolloutStrip />
      <Listing filter={filter} onFilter={setFilter} order={order} onOrder={setOrder} />
    </>
  );
}

interface ListingProps {
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}

/** Drawn again with every change of a device; what stands above it is not. */
function Listing({ filter, onFilter, order, onOrder }: ListingProps) {
  const { store } = useWorld();
  useTopics('devices');
  const field = useRef<HTMLInputElement>(null);
  useFilterKeys(field, onFilter);
  const shown = useShown(store, filter, order);
  if (store.devices.size === 0) return <NoDevices />;
  return (
    <>
      <Toolbar
        field={field}
        filter={filter}
        onFilter={onFilter}
        order={order}
        onOrder={onOrder}
        count={countLabel(shown.names.length, store)}
      />
      {shown.names.length === 0 ? (
        <Notice title="No device matches the filter">
          <p>
            Nothing fits <code>{filter}</code>.
          </p>
          <button type="button" class="button" onClick={() => onFilter('')}>
            Clear the filter
          </button>
        </Notice>
      ) : (
        <FleetTable
          {...shown}
          order={order}
          onOrder={onOrder}
          onOpen={(device) => location.assign(deviceHref(device))}
        />
      )}
    </>
  );
}

function countLabel(shown: number, store: Store): string {
  const { size } = store.devices;
  if (!store.complete()) return `${counted(size, 'device')} so far …`;
  return shown === size
    ? counted(size, 'device')
    : `${formatCount(shown)} of ${counted(size, 'device')}`;
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
