/** What `fettle up` shows: one line a device while it works, what to do when all serve. */
import type { DeviceSummary, ModelRecord } from '../../shared/protocol/api.ts';
import type { Reported } from '../../shared/protocol/messages.ts';
import type { DeviceState } from '../../shared/protocol/states.ts';
import { formatAmount, formatBar, formatSparkline } from '../../shared/terminal/bar.ts';
import type { Style, StyleName } from '../../shared/terminal/style.ts';
import { formatTable } from '../../shared/terminal/table.ts';
import { formatBytes, formatMs } from '../../shared/terminal/units.ts';
import type { Shape } from './shapes.ts';

export interface Picture {
  readonly shapes: readonly Shape[];
  /** null before it was pushed. */
  readonly model: ModelRecord | null;
  readonly devices: readonly DeviceSummary[];
  /** Requests a second of each device over the last minutes, oldest first. */
  readonly loads: ReadonlyMap<string, readonly number[]>;
  readonly dashboard: string;
}

const barCells = 20;

const looks = {
  idle: ['◌', 'dim'],
  fetching: ['◔', 'cyan'],
  tuning: ['◑', 'cyan'],
  proving: ['◕', 'cyan'],
  serving: ['●', 'green'],
  failed: ['✖', 'red'],
} as const satisfies Record<DeviceState, readonly [string, StyleName]>;

/** The block that is redrawn on a terminal. */
export function pictureLines(picture: Picture, style: Style): readonly string[] {
  const rows = picture.shapes.map((shape) => {
    const device = picture.devices.find(({ device }) => device === shape.name);
    return deviceRow({ shape, device, load: picture.loads.get(shape.name) ?? [] }, style);
  });
  const indented = formatTable(rows).map((line) => `  ${line}`);
  const address = `  ${style.dim('dashboard')}  ${picture.dashboard}`;
  return ['', ...modelLines(picture.model, style), ...indented, '', address, ''];
}

/** One line of the log, where there is no terminal: the same words without a bar. */
export function logLine(device: DeviceSummary): string {
  const { reported } = device;
  if (!reported) return `${device.device}: enrolled`;
  const detail = reported.state === 'serving' ? servingText(reported) : reported.reason;
  const online = device.online ? '' : ' (offline)';
  return `${device.device}: ${reported.state}${online}: ${detail}`;
}

function modelLines(model: ModelRecord | null, style: Style): readonly string[] {
  if (model === null) return [];
  const title = `  ${style.bold(`${model.name} version ${model.version}`)}`;
  if (model.state !== 'measuring' || !model.progress) return [title, ''];
  const { what, done, total } = model.progress;
  return [`${title}  ${what}  ${bar(done, total)}  ${formatAmount(model.progress)}`, ''];
}

interface DeviceView {
  readonly shape: Shape;
  readonly device: DeviceSummary | undefined;
  readonly load: readonly number[];
}

function deviceRow({ shape, device, load }: DeviceView, style: Style): readonly string[] {
  const name = [style.bold(shape.name), style.dim(shape.what)];
  if (!device?.reported) return [...name, style.dim('◌ starting'), ''];
  const { reported } = device;
  const [mark, colour] = looks[reported.state];
  const state = device.online ? style[colour](`${mark} ${reported.state}`) : style.dim('○ offline');
  const trend = load.some((value) => value > 0) ? `  ${formatSparkline(load)}` : '';
  return [...name, state, detailText(reported, style) + trend];
}

function detailText(reported: Reported, style: Style): string {
  if (reported.state === 'failed') return style.red(reported.error?.message ?? reported.reason);
  if (reported.state === 'serving') return servingText(reported);
  if (!reported.progress) return style.dim(reported.reason);
  const { what, done, total } = reported.progress;
  return `${bar(done, total)}  ${formatAmount(reported.progress)}  ${style.dim(what)}`;
}

function servingText({ serving, reason }: Reported): string {
  if (!serving) return reason;
  const { plan } = serving;
  const threads = `${plan.threads} thread${plan.threads === 1 ? '' : 's'}`;
  const instances = plan.instances > 1 ? ` × ${plan.instances}` : '';
  const size = `${formatBytes(serving.bytes)} of ${formatBytes(serving.sourceBytes)}`;
  const latency = formatMs(serving.latencyMsP50);
  return `${serving.recipeName}  ${threads}${instances}  ${latency}  ${size}`;
}

function bar(done: number, total: number): string {
  return formatBar(total > 0 ? done / total : 0, barCells);
}
