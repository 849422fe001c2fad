/** The fleet as a table of which only the rows in sight are drawn. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useDocumentKeys } from '../parts/use-document-keys.ts';
import { useWorld } from '../state/world.ts';
import { classOf, columns } from './columns.tsx';
import { rowAfterKey } from './keys.ts';
import { roles } from './roles.ts';
import { Row, rowId } from './row.tsx';
import { type Order, orderAfterClick, type SortColumn } from './sort.ts';
import type { Shown } from './use-shown.ts';
import { rowRange, scrollToRow, type Viewport } from './window.ts';

interface TableProps extends Shown {
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
  readonly onOpen: (device: string) => void;
}

/** Heights of a row, in step with `table.css`. */
const rowPx = 36;
const cardPx = 72;
const narrow = '(max-width: 719px)';

export function FleetTable({ names, longestMs, order, onOrder, onOpen }: TableProps) {
  const { store } = useWorld();
  const body = useRef<HTMLTableSectionElement>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const { range, heightPx, measure } = useRowRange(body, names.length);
  const moveTo = (row: number) => {
    setCursor(names[row] ?? null);
    const target = scrollToRow(row, measure());
    if (target !== null && body.current) scrollBodyTo(body.current, target);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === 'Enter' && cursor !== null && isTableOrPage(event.target)) onOpen(cursor);
    if (event.key.length > 1 && !isTable(event.target)) return;
    const at = cursor === null ? -1 : names.indexOf(cursor);
    const page = Math.max(1, Math.floor(measure().heightPx / heightPx) - 2);
    const row = rowAfterKey(event.key, { row: at < 0 ? null : at, rows: names.length, page });
    if (row === null) return;
    event.preventDefault();
    moveTo(row);
  };
  useDocumentKeys(onKey);
  return (
    <table
      class="fleet"
      // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table may be a grid.
      role="grid"
      aria-label="Devices"
      aria-rowcount={names.length + 1}
      aria-activedescendant={cursor === null ? undefined : rowId(cursor)}
      tabIndex={0}
    >
      <Header order={order} onSort={(column) => onOrder(orderAfterClick(order, column))} />
      <tbody ref={body} {...roles.group} style={{ height: `${names.length * heightPx}px` }}>
        {names.slice(range.first, range.end).map((name, offset) => {
          const device = store.devices.get(name);
          const index = range.first + offset;
          return device === undefined ? null : (
            <Row
              // Rows that leave at one edge are written anew for those that come at the other.
              key={index % range.slots}
              device={device}
              index={index}
              heightPx={heightPx}
              rates={store.trend.of(name)}
              longestMs={longestMs}
              selected={name === cursor}
            />
          );
        })}
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
    <thead {...roles.group}>
      <tr {...roles.row} aria-rowindex={1}>
        {columns.map((column) => {
          const sorted = order.column === column.id;
          const direction = order.descending ? 'descending' : 'ascending';
          return (
            <th
              key={column.id}
              {...roles.heading}
              scope="col"
              class={classOf(column)}
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

/** Follows scrolling and resizing of the page; draws again only when the range moves. */
function useRowRange(body: { readonly current: HTMLTableSectionElement | null }, rows: number) {
  const [range, setRange] = useState(() => rowRange({ ...nowhere, rows }));
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
  const latest = useRef(update);
  latest.current = update;
  useEffect(() => {
    const stop = new AbortController();
    const options = { passive: true, signal: stop.signal };
    addEventListener('scroll', () => latest.current(), options);
    addEventListener('resize', () => latest.current(), options);
    return () => stop.abort();
  }, []);
  return { range, heightPx, measure };
}

/** What is drawn before anything was measured. */
const nowhere = { scrolledPx: 0, heightPx: 900, rowPx };

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
