/** `fettle device why DEVICE`: one sentence of what it runs and why, and what it waits for. */
import * as v from 'valibot';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';

const Why = v.object({
  device: v.string(),
  sentence: v.string(),
  waitsFor: v.nullable(v.string()),
});

export const command: Command = {
  args: ['DEVICE'],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(argument(context, 'DEVICE'))}/why`;
    const why = await client.call(Why, path, { signal });
    io.line(why.sentence);
    io.line(why.waitsFor === null ? 'It waits for nothing.' : `It waits for ${why.waitsFor}`);
    io.result(why);
  },
};
