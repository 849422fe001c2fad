/** One device as a row; drawn again only when what it shows changed. */
import { useMemo } from 'preact/hooks';
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { classOf, columns } from './columns.tsx';
import { roles } from './roles.ts';

interface RowProps {
  readonly device: DeviceSummary;
  /** Its place in the list, from 0. */
  readonly index: number;
  readonly heightPx: number;
  readonly rates: readonly number[];
  readonly longestMs: number;
  readonly selected: boolean;
}

export function Row({ device, index, heightPx, rates, longestMs, selected }: RowProps) {
  // Drawn cells that are the very same object as before are left alone by the renderer.
  const cells = useMemo(
    () =>
      columns.map((column) => (
        <td key={column.id} {...roles.cell} class={classOf(column)}>
          {column.cell(device, { rates, longestMs })}
        </td>
      )),
    [device, rates, longestMs],
  );
  return (
    <tr
      id={rowId(device.device)}
      class={selected ? 'row row-selected' : 'row'}
      // Placed by itself: a change within one row moves no other.
      style={{ top: `${index * heightPx}px` }}
      {...roles.row}
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-device={device.device}
    >
      {cells}
    </tr>
  );
}

export function rowId(device: string): string {
  return `device-${device}`;
}
