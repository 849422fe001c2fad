/** The fleet as a table of which only the rows in sight are drawn. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { useDocumentKeys } from '../parts/use-document-keys.ts';
import { useWorld } from '../state/world.ts';
import { columns } from './columns.tsx';
import { rowAfterKey } from './keys.ts';
import { Row, rowId } from './row.tsx';
import { type Order, orderAfterClick, type SortColumn } from './sort.ts';
import { type RowRange, rowRange, scrollToRow, type Viewport } from './window.ts';

interface TableProps {
  readonly devices: readonly DeviceSummary[];
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
  readonly onOpen: (device: string) => void;
}

/** Heights of a row, in step with `table.css`. */
const rowPx = 36;
const cardPx = 72;
const narrow = '(max-width: 719px)';

export function FleetTable({ devices, order, onOrder, onOpen }: TableProps) {
  const { store } = useWorld();
  const body = useRef<HTMLTableSectionElement>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const { range, heightPx, measure } = useRowRange(body, devices.length);
  const longestMs = useMemo(
    () => devices.reduce((most, { recent }) => Math.max(most, recent?.latencyMsP95 ?? 0), 1e-9),
    [devices],
  );
  const moveTo = (row: number) => {
    setCursor(devices[row]?.device ?? null);
    const target = scrollToRow(row, measure());
    if (target !== null && body.current) scrollBodyTo(body.current, target);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === 'Enter' && cursor !== null && isTableOrPage(event.target)) onOpen(cursor);
    if (event.key.length > 1 && !isTable(event.target)) return;
    const at = devices.findIndex((device) => device.device === cursor);
    const page = Math.max(1, Math.floor(measure().heightPx / heightPx) - 2);
    const row = rowAfterKey(event.key, { row: at < 0 ? null : at, rows: devices.length, page });
    if (row === null) return;
    event.preventDefault();
    moveTo(row);
  };
  useDocumentKeys(onKey);
  const shown = devices.slice(range.first, range.end);
  return (
    <table
      class="fleet"
      // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table may be a grid.
      role="grid"
      aria-label="Devices"
      aria-rowcount={devices.length + 1}
      aria-activedescendant={cursor === null ? undefined : rowId(cursor)}
      tabIndex={0}
    >
      <Header order={order} onSort={(column) => onOrder(orderAfterClick(order, column))} />
      <tbody ref={body}>
        <Spacer heightPx={range.first * heightPx} />
        {shown.map((device, index) => (
          <Row
            key={device.device}
            device={device}
            rowIndex={range.first + index + 2}
            rates={store.trend.of(device.device)}
            longestMs={longestMs}
            selected={device.device === cursor}
          />
        ))}
        <Spacer heightPx={(devices.length - range.end) * heightPx} />
      </tbody>
    </table>
  );
}

function Header({
  order,
  onSort,
}: {
  readonly order: Order;
  readonly onSort: (column: SortColumn) => void;
}) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((column) => {
          const sorted = order.column === column.id;
          const direction = order.descending ? 'descending' : 'ascending';
          return (
            <th
              key={column.id}
              scope="col"
              class={`col-${column.id}${column.numeric ? ' number' : ''}`}
              aria-sort={sorted ? direction : 'none'}
            >
              <button type="button" title={column.help} onClick={() => onSort(column.id)}>
                {column.title}
                <span class="sort-mark" aria-hidden="true">
                  {sorted ? (order.descending ? '↓' : '↑') : ''}
                </span>
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

function Spacer({ heightPx }: { readonly heightPx: number }) {
  return heightPx > 0 ? <tr class="spacer" style={{ height: `${heightPx}px` }} /> : null;
}

/** Follows scrolling and resizing of the page; draws again only when the range moves. */
function useRowRange(body: { readonly current: HTMLTableSectionElement | null }, rows: number) {
  const [range, setRange] = useState<RowRange>({ first: 0, end: Math.min(rows, 60) });
  const heightPx = matchMedia(narrow).matches ? cardPx : rowPx;
  const measure = (): Viewport => {
    const header = body.current?.previousElementSibling?.getBoundingClientRect().bottom ?? 0;
    const top = body.current?.getBoundingClientRect().top ?? 0;
    const below = innerHeight - Math.max(0, header);
    return { scrolledPx: Math.max(0, header) - top, heightPx: below, rowPx: heightPx, rows };
  };
  const update = () => {
    const next = rowRange(measure());
    setRange((held) => (held.first === next.first && held.end === next.end ? held : next));
  };
  useLayoutEffect(update, [rows, heightPx]);
  useEffect(() => {
    const stop = new AbortController();
    addEventListener('scroll', update, { passive: true, signal: stop.signal });
    addEventListener('resize', update, { passive: true, signal: stop.signal });
    return () => stop.abort();
  });
  return { range, heightPx, measure };
}

function scrollBodyTo(body: HTMLElement, targetPx: number): void {
  const header = body.previousElementSibling?.getBoundingClientRect().bottom ?? 0;
  scrollBy(0, targetPx - (header - body.getBoundingClientRect().top));
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('input, select, textarea');
}

function isTable(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('table.fleet');
}

function isTableOrPage(target: EventTarget | null): boolean {
  return isTable(target) || target === document.body;
}
