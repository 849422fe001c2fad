/**
 * `fettle device why DEVICE`: what it runs and why, what it waits for, and the tuning behind it.
 */
import * as v from 'valibot';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { describeTuning } from '../tuning-report.ts';

const Why = v.object({
  device: v.string(),
  sentence: v.string(),
  waitsFor: v.nullable(v.string()),
  since: v.nullable(v.string()),
});

const Detail = v.pick(DeviceDetail, ['tuning', 'desired']);

export const command: Command = {
  args: ['DEVICE'],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(argument(context, 'DEVICE'))}`;
    const why = await client.call(Why, `${path}/why`, { signal });
    const { tuning, desired } = await client.call(Detail, path, { signal });
    io.line(why.sentence);
    io.line(why.waitsFor === null ? 'It waits for nothing.' : `It waits for ${why.waitsFor}`);
    if (why.since !== null) io.line(`Since ${why.since}`);
    const bytes = desired?.model?.bytes ?? tuning?.baseline?.bytes ?? 0;
    for (const line of tuning ? ['', ...describeTuning(tuning, bytes)] : []) io.line(line);
    io.result({ ...why, tuning });
  },
};
