/** One device as a row; drawn again only when what it shows changed. */
import { useMemo } from 'preact/hooks';
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { columns } from './columns.tsx';

interface RowProps {
  readonly device: DeviceSummary;
  readonly rowIndex: number;
  readonly rates: readonly number[];
  readonly longestMs: number;
  readonly selected: boolean;
}

export function Row({ device, rowIndex, rates, longestMs, selected }: RowProps) {
  // Drawn cells that are the very same object as before are left alone by the renderer.
  const cells = useMemo(
    () =>
      columns.map((column) => (
        <td key={column.id} class={`col-${column.id}${column.numeric ? ' number' : ''}`}>
          {column.cell(device, { rates, longestMs })}
        </td>
      )),
    [device, rates, longestMs],
  );
  return (
    <tr
      id={rowId(device.device)}
      class={selected ? 'row row-selected' : 'row'}
      aria-rowindex={rowIndex}
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
