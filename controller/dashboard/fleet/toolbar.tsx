/** The line above the table: filter, how many are shown, and on narrow screens the order. */
import type { RefObject } from 'preact';
import { columns } from './columns.tsx';
import { type Order, orderAfterClick } from './sort.ts';

interface ToolbarProps {
  readonly field: RefObject<HTMLInputElement | null>;
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
  readonly count: string;
}

export function Toolbar({ field, filter, onFilter, order, onOrder, count }: ToolbarProps) {
  return (
    <div class="toolbar">
      <label class="filter">
        <span class="unseen">Filter devices</span>
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path
            d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zm3.6-1.4L14 14"
            fill="none"
            stroke="currentColor"
            stroke-width="1.5"
          />
        </svg>
        <input
          ref={field}
          type="search"
          value={filter}
          maxLength={500}
          placeholder="Filter: name, zone=hall, state=failed, class in (…)"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => onFilter(event.currentTarget.value)}
        />
      </label>
      <label class="narrow-sort">
        <span class="unseen">Sort by</span>
        <select
          value={order.column}
          onChange={(event) => {
            const column = columns.find(({ id }) => id === event.currentTarget.value);
            if (column) onOrder(orderAfterClick(order, column.id));
          }}
        >
          {columns.map((column) => (
            <option key={column.id} value={column.id}>
              {column.title}
            </option>
          ))}
        </select>
      </label>
      <span class="count quiet number" role="status">
        {count}
      </span>
    </div>
  );
}
