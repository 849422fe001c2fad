/** `fettle device set DEVICE --telemetry-seconds N`: how often it sends telemetry. */
import * as v from 'valibot';
import { FettleError } from '../../shared/errors.ts';
import { argument, clientOptions, connect, numberOption, textOption } from '../client.ts';
import type { Command } from '../command.ts';

const Answer = v.object({ device: v.string(), telemetrySeconds: v.number() });
const flag = '--telemetry-seconds';

export const command: Command = {
  args: ['DEVICE'],
  options: [
    { flags: `${flag} <n>`, help: 'length of its windows, 1 to 3600; default: as all others' },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const text = textOption(context, 'telemetrySeconds');
    if (text === undefined) {
      const expected = 'a number of seconds, or the word default';
      throw new FettleError('BAD_ARGUMENT', { what: flag, expected, got: 'nothing' });
    }
    const isDefault = text === 'default';
    const telemetrySeconds = isDefault
      ? null
      : numberOption(context, 'telemetrySeconds', { min: 1, flag });
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(argument(context, 'DEVICE'))}`;
    const body = { telemetrySeconds };
    const answer = await client.call(Answer, path, { method: 'PATCH', body, signal });
    io.line(`${answer.device} sends a window every ${answer.telemetrySeconds} s`);
    io.result(answer);
  },
};
