/**
 * `fettle device why DEVICE`: what it runs and why, and what it waits for; with `--proof` the
 * tuning behind it.
 */
import * as v from 'valibot';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { describeTuning } from '../tuning-report.ts';

const Why = v.object({
  device: v.string(),
  sentence: v.string(),
  quality: v.optional(v.nullable(v.string()), null),
  proof: v.optional(v.nullable(v.string()), null),
  waitsFor: v.nullable(v.string()),
  since: v.nullable(v.string()),
});

const Detail = v.pick(DeviceDetail, ['tuning', 'desired']);

export const command: Command = {
  args: ['DEVICE'],
  options: [
    { flags: '--proof', help: 'what the choice rests on: intervals, the runner-up, every trial' },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(argument(context, 'DEVICE'))}`;
    const why = await client.call(Why, `${path}/why`, { signal });
    const { tuning, desired } = await client.call(Detail, path, { signal });
    io.line(why.sentence);
    if (why.quality !== null) io.line(`Quality ${why.quality}`);
    io.line(why.waitsFor === null ? 'It waits for nothing.' : `It waits for ${why.waitsFor}`);
    if (why.since !== null) io.line(`Since ${why.since}`);
    const bytes = desired?.model?.bytes ?? tuning?.baseline?.bytes ?? 0;
    const proof = context.options.proof === true && tuning ? describeTuning(tuning, bytes) : [];
    for (const line of proof.length > 0 ? ['', ...proof] : []) io.line(line);
    io.result({ ...why, tuning });
  },
};
