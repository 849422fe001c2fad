/** The columns of the fleet table: title, what they sort by, and a cell. */
import type { ComponentChildren } from 'preact';
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { bitsLabel, modelVersion } from '../format/model.ts';
import {
  absent,
  formatBytes,
  formatCelsius,
  formatMiB,
  formatMs,
  formatRate,
  formatRatio,
} from '../format/numbers.ts';
import { formatAgo } from '../format/time.ts';
import { Badge } from '../parts/glyph.tsx';
import { Bar, Meter } from '../parts/meter.tsx';
import { Spark } from '../parts/spark.tsx';
import { healthNote, healthOf } from '../state/health.ts';
import { deviceHref } from '../state/route.ts';
import { useNow } from '../state/world.ts';
import type { SortColumn } from './sort.ts';

export interface CellContext {
  readonly rates: readonly number[];
  /** The largest p95 in the list, the full length of a latency bar. */
  readonly longestMs: number;
}

export interface Column {
  readonly id: SortColumn;
  readonly title: string;
  /** What the title leaves out. */
  readonly help: string;
  readonly numeric?: boolean;
  /** Too long a text ends in an ellipsis. */
  readonly cut?: boolean;
  readonly cell: (device: DeviceSummary, context: CellContext) => ComponentChildren;
}

export const columns: readonly Column[] = [
  {
    id: 'name',
    title: 'Device',
    help: 'name of the device',
    cut: true,
    cell: (device) => (
      <a class="device-link" href={deviceHref(device.device)} tabIndex={-1} title={labels(device)}>
        {device.device}
      </a>
    ),
  },
  { id: 'state', title: 'State', help: 'the most urgent first', cell: stateCell },
  {
    id: 'class',
    title: 'Class',
    help: 'fingerprint of what decides speed',
    cut: true,
    cell: (device) => <span title={device.board ?? ''}>{device.hardwareClass ?? absent}</span>,
  },
  {
    id: 'model',
    title: 'Model',
    help: 'model and version being served',
    cut: true,
    cell: ({ reported }) =>
      reported?.serving ? modelVersion(reported.serving.model, reported.serving.version) : absent,
  },
  {
    id: 'variant',
    title: 'Variant',
    help: 'recipe and bits',
    cut: true,
    cell: ({ reported }) =>
      reported?.serving ? (
        <span title={reported.serving.reason}>
          {reported.serving.recipeName}
          <span class="quiet bits"> · {bitsLabel(reported.serving.recipe)}</span>
        </span>
      ) : (
        absent
      ),
  },
  { id: 'size', title: 'Size', help: "bytes against the source's", numeric: true, cell: sizeCell },
  {
    id: 'p50',
    title: 'p50',
    help: 'median latency of the last minute',
    numeric: true,
    cell: ({ recent }) => formatMs(recent?.latencyMsP50),
  },
  {
    id: 'p95',
    title: 'p95',
    help: '95th percentile of latency, last minute',
    numeric: true,
    cell: ({ recent }, { longestMs }) => (
      <span class="with-bar">
        {formatMs(recent?.latencyMsP95)}
        <Bar share={recent?.latencyMsP95 ? Math.sqrt(recent.latencyMsP95 / longestMs) : null} />
      </span>
    ),
  },
  {
    id: 'rate',
    title: 'Requests',
    help: 'throughput, and how it went lately',
    numeric: true,
    cell: ({ recent }, { rates }) => (
      <span class="with-spark">
        <Spark values={rates} width={56} height={18} points={24} />
        {recent ? formatRate(recent.requestsPerSecond) : absent}
      </span>
    ),
  },
  {
    id: 'memory',
    title: 'Memory',
    help: 'resident memory of the agent and its model',
    numeric: true,
    cell: ({ recent }) => (recent ? formatMiB(recent.memoryMiB) : absent),
  },
  {
    id: 'temperature',
    title: 'Temp',
    help: 'hottest sensor',
    numeric: true,
    cell: ({ recent }) => {
      if (recent?.temperatureC == null) return absent;
      return (
        <span class={recent.temperatureC >= hotC ? 'hot' : ''}>
          {formatCelsius(recent.temperatureC)}
        </span>
      );
    },
  },
  {
    id: 'seen',
    title: 'Seen',
    help: 'last word from the device',
    numeric: true,
    cell: (device) => <Seen instant={device.lastSeen} />,
  },
];

/** Of a cell and of its heading: what gives them their width. */
export function classOf({ id, numeric, cut }: Column): string {
  return `col-${id}${numeric ? ' number' : ''}${cut ? ' cut' : ''}`;
}

/** Where small boards begin to throttle. */
const hotC = 80;

function stateCell(device: DeviceSummary) {
  const health = healthOf(device);
  const progress = device.online ? device.reported?.progress : null;
  const note = healthNote(device);
  return (
    <span class="state" title={note}>
      <Badge sign={health} />
      {progress ? (
        <Meter done={progress.done} total={progress.total} label={`${device.device}: ${note}`} />
      ) : (
        note !== '' && <span class="note">{note}</span>
      )}
    </span>
  );
}

function sizeCell({ reported }: DeviceSummary) {
  const serving = reported?.serving;
  if (!serving) return absent;
  const ratio = serving.bytes / Math.max(1, serving.sourceBytes);
  return (
    <span class="with-bar" title={formatBytes(serving.bytes)}>
      {formatRatio(ratio)}
      <Bar share={ratio} />
    </span>
  );
}

function Seen({ instant }: { readonly instant: string | null }) {
  return <>{formatAgo(instant, useNow())}</>;
}

function labels(device: DeviceSummary): string {
  return Object.entries(device.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
