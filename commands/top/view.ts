/** The fleet as lines: what needs a person first, then who is busiest. Pure. */
import { recipeName } from '../../shared/compress/recipe.ts';
import { own } from '../../shared/own.ts';
import type { DeviceSummary } from '../../shared/protocol/api.ts';
import { formatSparkline } from '../../shared/terminal/bar.ts';
import type { Style, StyleName } from '../../shared/terminal/style.ts';
import { formatTable } from '../../shared/terminal/table.ts';
import { formatMs, formatNumber } from '../../shared/terminal/units.ts';

/** Requests a second of each device at the last looks, the oldest first. */
export type Loads = ReadonlyMap<string, readonly number[]>;

/** Looks that a sparkline shows. */
const trendLength = 20;

export function withLoads(loads: Loads, devices: readonly DeviceSummary[]): Loads {
  return new Map(
    devices.map(({ device, recent }) => {
      const load = [...(loads.get(device) ?? []), recent?.requestsPerSecond ?? 0];
      return [device, load.slice(-trendLength)];
    }),
  );
}

export interface TopOptions {
  readonly loads: Loads;
  /** Lines there is room for. */
  readonly rows: number;
}

export function topLines(
  devices: readonly DeviceSummary[],
  { loads, rows }: TopOptions,
  style: Style,
): string[] {
  const head = [headLine(devices, style), '', ...classLines(devices, style), ''];
  const room = Math.max(1, rows - head.length - 1);
  const shown = [...devices].sort(byUrgency).slice(0, room);
  const table = formatTable(
    [deviceHeader, ...shown.map((device) => deviceRow(device, loads, style))],
    { right: [4, 5, 6, 7, 8] },
  );
  return [...head, ...table];
}

function headLine(devices: readonly DeviceSummary[], style: Style): string {
  const online = devices.filter((device) => device.online);
  const counts = Map.groupBy(online, (device) => device.reported?.state ?? 'idle');
  const states = [...counts].map(([state, of]) => paint(state, `${of.length} ${state}`, style));
  const offline = devices.length - online.length;
  const away = offline > 0 ? [style.yellow(`${offline} offline`)] : [];
  const rate = `${formatNumber(sum(online, (one) => one.recent?.requestsPerSecond))} requests/s`;
  return [style.bold(`${devices.length} devices`), ...states, ...away, rate].join('   ');
}

function classLines(devices: readonly DeviceSummary[], style: Style): string[] {
  const classes = Map.groupBy(devices, (device) => device.hardwareClass ?? 'not profiled');
  const rows = [...classes]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([name, of]) => [
      name,
      String(of.length),
      formatNumber(sum(of, (one) => one.recent?.requestsPerSecond)),
      formatNumber(sum(of, (one) => one.recent?.errors)),
      latencyRange(of),
    ]);
  const header = ['HARDWARE CLASS', 'DEVICES', 'REQ/S', 'ERRORS', 'P95'];
  const [first = '', ...rest] = formatTable([header, ...rows], { right: [1, 2, 3] });
  return [style.dim(first), ...rest];
}

/** From the quickest device to the slowest: quantiles of different devices cannot be averaged. */
function latencyRange(devices: readonly DeviceSummary[]): string {
  const p95s = devices.flatMap(({ recent }) => (recent?.latencyMsP95 ? [recent.latencyMsP95] : []));
  if (p95s.length === 0) return '–';
  const [low, high] = [Math.min(...p95s), Math.max(...p95s)];
  return low === high ? formatMs(low) : `${formatMs(low)} to ${formatMs(high)}`;
}

const deviceHeader = [
  ...['DEVICE', 'STATE', 'MODEL', 'VARIANT', 'REQ/S', 'ERRORS', 'P50', 'P95', 'MIB', 'LOAD'],
];

function deviceRow(device: DeviceSummary, loads: Loads, style: Style): string[] {
  const { reported, recent, online } = device;
  const serving = reported?.serving;
  const state = online ? (reported?.state ?? 'idle') : 'offline';
  return [
    device.device,
    paint(state, state, style),
    serving ? `${serving.model} ${serving.version}` : '–',
    serving ? recipeName(serving.recipe) : '–',
    recent ? formatNumber(recent.requestsPerSecond) : '–',
    recent ? formatNumber(recent.errors) : '–',
    formatMs(recent?.latencyMsP50),
    formatMs(recent?.latencyMsP95),
    recent ? formatNumber(Math.round(recent.memoryMiB)) : '–',
    formatSparkline(loads.get(device.device) ?? []),
  ];
}

/** Failed, then offline, then at work, then serving; the busiest of equals first. */
const urgencies = ['failed', 'offline', 'proving', 'tuning', 'fetching', 'idle', 'serving'];

function byUrgency(a: DeviceSummary, b: DeviceSummary): number {
  const load = (one: DeviceSummary) => one.recent?.requestsPerSecond ?? 0;
  const names = a.device < b.device ? -1 : 1;
  return urgencyOf(a) - urgencyOf(b) || load(b) - load(a) || names;
}

function urgencyOf({ online, reported }: DeviceSummary): number {
  return urgencies.indexOf(online ? (reported?.state ?? 'idle') : 'offline');
}

const colours: Readonly<Record<string, StyleName>> = {
  serving: 'green',
  failed: 'red',
  offline: 'yellow',
  idle: 'dim',
};

function paint(state: string, text: string, style: Style): string {
  return style[own(colours, state) ?? 'cyan'](text);
}

function sum(
  devices: readonly DeviceSummary[],
  of: (device: DeviceSummary) => number | undefined,
): number {
  return devices.reduce((total, device) => total + (of(device) ?? 0), 0);
}
