/** The fleet as a table of which only the rows in sight are drawn. */
import { useRef, useState } from 'preact/hooks';
import { useDocumentKeys } from '../parts/use-document-keys.ts';
import { useWorld } from '../state/world.ts';
import { classOf, columns } from './columns.tsx';
import { rowAfterKey } from './keys.ts';
import { roles } from './roles.ts';
import { Row, rowId } from './row.tsx';
import { type Order, orderAfterClick, type SortColumn } from './sort.ts';
import { useRowRange } from './use-row-range.ts';
import type { Shown } from './use-shown.ts';
import { scrollToRow, slotted } from './window.ts';

interface TableProps extends Shown {
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
  readonly onOpen: (device: string) => void;
}

export function FleetTable({ names, longestMs, order, onOrder, onOpen }: TableProps) {
  const { store } = useWorld();
  const body = useRef<HTMLTableSectionElement>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const { range, base, heightPx, measure } = useRowRange(body, names.length);
  const moveTo = (row: number) => {
    setCursor(names[row] ?? null);
    const viewport = measure();
    const target = scrollToRow(row, viewport);
    if (target !== null) scrollBy(0, target - viewport.scrolledPx);
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
  const rows = slotted(names, range, base);
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
        {rows.map(({ name, index, slot }) => {
          const device = store.devices.get(name);
          return device === undefined ? null : (
            <Row
              key={slot}
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

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('input, select, textarea');
}

function isTable(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('table.fleet');
}

function isTableOrPage(target: EventTarget | null): boolean {
  return isTable(target) || target === document.body;
}
