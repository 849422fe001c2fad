/** What the rollout commands print, and waiting for a rollout to end. */
import { setTimeout as pause } from 'node:timers/promises';
import type { HttpClient } from '../../shared/http-client.ts';
import { RolloutRecord } from '../../shared/protocol/api.ts';
import { formatTable } from '../../shared/terminal/table.ts';
import { argument, connect } from '../client.ts';
import type { CommandContext } from '../command.ts';

const lookEveryMs = 1000;

export function printRollout(record: RolloutRecord, { io }: CommandContext): void {
  const { id, model, version, state, wave, waves, reason, members } = record;
  io.line(`${id}  ${model} ${version}  ${state}  wave ${wave} of ${waves.length}`);
  io.line(reason);
  const rows = members.map((member) => [
    member.device,
    String(member.wave),
    member.state,
    member.since ?? '–',
    member.reason,
  ]);
  if (rows.length > 0) {
    const header = ['DEVICE', 'WAVE', 'STATE', 'SINCE', 'REASON'];
    for (const line of formatTable([header, ...rows], { right: [1] })) io.line(line);
  }
  io.result(record);
}

/** Shows how many devices are done until the rollout ends or pauses. */
export async function followRollout(
  client: HttpClient,
  started: RolloutRecord,
  { io, signal }: CommandContext,
): Promise<RolloutRecord> {
  let record = started;
  while (record.state === 'running') {
    const done = record.members.filter(({ state }) => state === 'succeeded').length;
    const total = Math.max(1, record.members.length);
    io.progress({ what: record.id, done, total, unit: 'devices' });
    await pause(lookEveryMs, undefined, { signal });
    record = await client.call(RolloutRecord, `/api/v1/rollouts/${record.id}`, { signal });
  }
  return record;
}

/** One of the actions on a rollout that is named. */
export async function actOnRollout(
  context: CommandContext,
  action: 'pause' | 'resume' | 'abort' | 'rollback',
): Promise<void> {
  const client = await connect(context);
  const id = encodeURIComponent(argument(context, 'ROLLOUT'));
  const path = `/api/v1/rollouts/${id}/${action}`;
  const { signal } = context;
  printRollout(await client.call(RolloutRecord, path, { method: 'POST', signal }), context);
}
