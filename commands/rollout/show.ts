/** What the rollout commands print, and waiting for a rollout to end. */
import { setTimeout as pause } from 'node:timers/promises';
import type { HttpClient } from '../../shared/http-client.ts';
import { countMembers, describeCounts } from '../../shared/protocol/member-counts.ts';
import { describeOutlook } from '../../shared/protocol/outlook-sentence.ts';
import { type RolloutPreview, RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { argument, connect } from '../client.ts';
import type { CommandContext } from '../command.ts';
import { printTable } from '../rows.ts';
import { comparisonLines } from './comparison-lines.ts';
import { isHeld } from './ending.ts';
import { groupMembers } from './groups.ts';

const lookEveryMs = 1000;

/** The rollout, what each wave and class waits for, its gates, and what is wrong with devices. */
export function printRollout(record: RolloutRecord, { io }: CommandContext): void {
  const { id, model, version, state, wave, waves, reason, since } = record;
  io.line(`${id}  ${model} ${version}  ${state}  wave ${wave} of ${waves.length}`);
  io.line(since === null ? reason : `${reason} (since ${since})`);
  if (record.members.length > 0) io.line(describeCounts(record.members));
  if (record.forced) io.line('it was started with --force');
  for (const line of comparisonLines(record.comparisons)) io.line(line);
  const groups = groupMembers(record).map((group) => [
    ...[String(group.wave), group.class || '–', `${group.done}/${group.devices}`],
    ...[String(group.failed), group.since ?? '–', group.waits],
  ]);
  print(io, ['WAVE', 'CLASS', 'DONE', 'FAILED', 'SINCE', 'WAITS FOR'], groups);
  const gates = record.verdicts.map((verdict) => [
    ...[verdict.gate, verdict.class ?? 'all', verdict.against, verdict.state],
    ...[figure(verdict.value), figure(verdict.threshold), verdict.reason],
  ]);
  print(io, ['GATE', 'CLASS', 'AGAINST', 'STATE', 'VALUE', 'LIMIT', 'REASON'], gates);
  for (const wave of record.outlook) io.line(describeOutlook(wave));
  printBreach(record, io);
  const failed = record.members.filter((member) => member.state === 'failed');
  const rows = failed.map((member) => [member.device, member.since ?? '–', member.reason]);
  print(io, ['FAILED', 'SINCE', 'REASON'], rows);
  const absent = record.members.filter(({ offline }) => offline);
  const offline = absent.map(({ device, since, reason }) => [device, since ?? '–', reason]);
  print(io, ['OFFLINE', 'LAST SEEN', 'REASON'], offline);
  io.result(record);
}

/** On what it was stopped, as it stood then. */
function printBreach({ breach }: RolloutRecord, io: CommandContext['io']): void {
  if (!breach) return;
  io.line('');
  io.line(`breach at ${breach.at}`);
  for (const { state, reason } of breach.verdicts) if (state === 'breached') io.line(reason);
  const rows = breach.devices.map(({ device, state, reason, now, before }) => [
    ...[device, state, String(now?.requests ?? '–'), String(now?.errors ?? '–')],
    ...[figure(now?.latencyMsP95 ?? null), figure(before?.latencyMsP95 ?? null)],
    ...[figure(now?.memoryMiB ?? null), now?.from ?? '–', reason],
  ]);
  const header = ['DEVICE', 'STATE', 'REQUESTS', 'ERRORS', 'P95 MS', 'BEFORE', 'MIB', 'FROM'];
  print(io, [...header, 'REASON'], rows);
}

export function printPreview(preview: RolloutPreview, { io }: CommandContext): void {
  const { model, version, waves, members, notes } = preview;
  io.line(`${model} ${version} to ${members.length} devices in ${waves.length} waves`);
  const rows = members.map((member) => [
    ...[String(member.wave), member.device, member.class, member.scout ? 'scout' : ''],
    ...[member.serves ?? '–', member.gets, member.fits, member.notes.join('; ')],
  ]);
  print(io, ['WAVE', 'DEVICE', 'CLASS', 'ROLE', 'NOW', 'GETS', 'FITS', 'NOTES'], rows);
  for (const line of comparisonLines(preview.comparisons)) io.line(line);
  for (const wave of preview.outlook) io.line(describeOutlook(wave));
  for (const note of notes) io.line(note);
  io.result(preview);
}

function print(
  io: CommandContext['io'],
  header: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  if (rows.length === 0) return;
  io.line('');
  printTable(io, [header, ...rows]);
}

function figure(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(3)));
}

/** Shows how many devices are done until the rollout ends, pauses or waits for approval. */
export async function followRollout(
  client: HttpClient,
  started: RolloutRecord,
  { io, signal }: CommandContext,
): Promise<RolloutRecord> {
  let record = started;
  while (record.state === 'running' && !isHeld(record)) {
    const done = countMembers(record.members).succeeded;
    const total = Math.max(1, record.members.length);
    io.progress({ what: record.id, done, total, unit: 'devices', note: record.reason });
    await pause(lookEveryMs, undefined, { signal });
    record = await client.call(RolloutRecord, `/api/v1/rollouts/${record.id}`, { signal });
  }
  return record;
}

/** One of the actions on a rollout that is named. */
export async function actOnRollout(
  context: CommandContext,
  action: 'pause' | 'resume' | 'approve' | 'retry' | 'abort' | 'rollback',
): Promise<void> {
  const client = await connect(context);
  const id = encodeURIComponent(argument(context, 'ROLLOUT'));
  const path = `/api/v1/rollouts/${id}/${action}`;
  const { signal } = context;
  printRollout(await client.call(RolloutRecord, path, { method: 'POST', signal }), context);
}
