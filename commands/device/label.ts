/** `fettle device label DEVICE name=value name-`: gives and takes labels. */
import { FettleError } from '../../shared/errors.ts';
import { DeviceSummary } from '../../shared/protocol/api.ts';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  args: ['DEVICE', 'CHANGE...'],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const body = changesOf(context.rest ?? []);
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(argument(context, 'DEVICE'))}/labels`;
    const { device, labels } = await client.call(DeviceSummary, path, {
      ...{ method: 'PATCH', body, signal },
    });
    const shown = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    io.line(`${device}: ${shown.join(' ') || 'no labels'}`);
    io.result({ device, labels });
  },
};

function changesOf(words: readonly string[]): Record<string, string | null> {
  const changes = words.map((word): [string, string | null] => {
    const at = word.indexOf('=');
    if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
    if (at < 0 && word.endsWith('-') && word.length > 1) return [word.slice(0, -1), null];
    const expected = 'name=value to give a label, name- to take it away';
    throw new FettleError('BAD_ARGUMENT', { what: 'label', expected, got: word });
  });
  return Object.fromEntries(changes);
}
