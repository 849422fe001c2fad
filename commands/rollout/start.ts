/**
 * `fettle rollout start MODEL`: rolls a model out in waves to the devices that a selector names.
 */
import { FettleError } from '../../shared/errors.ts';
import { RolloutRecord, type RolloutRequest, type Wave } from '../../shared/protocol/api.ts';
import { argument, clientOptions, connect, numberOption, textOption } from '../client.ts';
import type { Command, CommandContext } from '../command.ts';
import { followRollout, printRollout } from './show.ts';

export const command: Command = {
  args: ['MODEL'],
  options: [
    { flags: '--model-version <n>', help: 'which version (the newest)' },
    { flags: '--selector <labels>', help: 'which devices, e.g. "room=lab,!test" (all)' },
    { flags: '--waves <list>', help: 'devices by the end of each wave, e.g. "1,10%,100%"' },
    { flags: '--soak-seconds <s>', help: 'how long a device must serve it to count (30)' },
    { flags: '--timeout-seconds <s>', help: 'a device silent for so long has failed (900)' },
    { flags: '--max-failures <n>', help: 'failed devices at which it pauses (1)' },
    { flags: '--budget-seconds <s>', help: 'how long a device may try variants (60)' },
    { flags: '--wait', help: 'show its progress until it ends or pauses' },
    ...clientOptions,
  ],
  async run(context) {
    const { signal } = context;
    const client = await connect(context);
    const body = requestOf(context);
    const started = await client.call(RolloutRecord, '/api/v1/rollouts', {
      method: 'POST',
      body,
      signal,
    });
    const record = context.options.wait ? await followRollout(client, started, context) : started;
    printRollout(record, context);
  },
};

function requestOf(context: CommandContext): RolloutRequest {
  const selector = textOption(context, 'selector');
  const waves = textOption(context, 'waves');
  const numbers = {
    version: numberOption(context, 'modelVersion', { min: 1, flag: '--model-version' }),
    soakSeconds: numberOption(context, 'soakSeconds', { flag: '--soak-seconds' }),
    timeoutSeconds: numberOption(context, 'timeoutSeconds', { min: 1, flag: '--timeout-seconds' }),
    maxFailures: numberOption(context, 'maxFailures', { min: 1, flag: '--max-failures' }),
    tuningBudgetSeconds: numberOption(context, 'budgetSeconds', {
      min: 1,
      flag: '--budget-seconds',
    }),
  };
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  return {
    model: argument(context, 'MODEL'),
    ...Object.fromEntries(given),
    ...(selector === undefined ? {} : { selector }),
    ...(waves === undefined ? {} : { waves: parseWaves(waves) }),
  };
}

/** `1,10%,100%` → a count and two shares. */
function parseWaves(text: string): Wave[] {
  return text.split(',').map((part) => {
    const match = /^\s*(\d+(?:\.\d+)?)(%?)\s*$/.exec(part);
    if (!match) {
      const expected = 'counts and percentages such as 1,10%,100%';
      throw new FettleError('BAD_ARGUMENT', { what: '--waves', expected, got: text });
    }
    const value = Number(match[1]);
    return match[2] === '%' ? { percent: value } : { count: value };
  });
}
