/** What the options of `fettle rollout start` ask for. */
import { FettleError } from '../../shared/errors.ts';
import {
  breachActions,
  breachScopes,
  days,
  type Maintenance,
  offlineRules,
  type RolloutAsked,
  type Wave,
} from '../../shared/protocol/rollouts.ts';
import { argument, numberOption, textOption } from '../client.ts';
import type { CommandContext, Option } from '../command.ts';

export const requestOptions: readonly Option[] = [
  { flags: '--model-version <n>', help: 'which version (the newest)' },
  { flags: '--selector <labels>', help: 'which devices, e.g. "room=lab,!test" (all)' },
  { flags: '--waves <list>', help: 'devices by the end of each wave, e.g. "1,10%,100%"' },
  { flags: '--approve-waves <list>', help: 'waves that a person must approve of: "2,3" or "all"' },
  { flags: '--scouts <n>', help: 'devices of each class that serve it before the others (1)' },
  { flags: '--soak-seconds <s>', help: 'how long a device must serve it to count (30)' },
  { flags: '--watch-seconds <s>', help: 'how long a later regression reopens it (3600)' },
  { flags: '--timeout-seconds <s>', help: 'a device silent for so long has failed (900)' },
  { flags: '--budget-seconds <s>', help: 'how long a device may try variants (60)' },
  { flags: '--max-concurrent <n>', help: 'devices under way at once (as many as the wave has)' },
  { flags: '--min-healthy-percent <p>', help: 'share that is neither under way nor failed (0)' },
  { flags: '--maintenance <window...>', help: 'when to update, e.g. "mon,fri 22:00-04:00"' },
  { flags: '--time-zone <name>', help: 'of the maintenance windows (UTC)' },
  { flags: '--max-failures <n>', help: 'failed devices that breach (1)' },
  { flags: '--gate <name=value...>', help: 'another threshold, e.g. latencyRatio=1.5, or =off' },
  { flags: '--on-breach <action>', help: 'pause, abort or rollback (pause)' },
  { flags: '--force', help: 'start it though the version falls below what it replaces' },
  { flags: '--offline <rule>', help: 'devices offline at their turn: wait, skip, fail (skip)' },
  { flags: '--require-data', help: 'gates without traffic wait for it, and then breach' },
  { flags: '--allow-empty', help: 'start it though no device matches the selector yet' },
  { flags: '--breach-scope <scope>', help: 'fleet, or only the class that breached (fleet)' },
];

/** Throws `BAD_ARGUMENT` that names the option. */
export function requestOf(context: CommandContext): RolloutAsked {
  const selector = textOption(context, 'selector');
  const waves = wavesOf(context);
  const maintenance = maintenanceOf(context);
  const gates = gatesOf(context);
  const onBreach = oneOf(context, { name: 'onBreach', flag: '--on-breach', of: breachActions });
  const breachScope = oneOf(context, {
    ...{ name: 'breachScope', flag: '--breach-scope', of: breachScopes },
  });
  const offline = oneOf(context, { name: 'offline', flag: '--offline', of: offlineRules });
  return {
    model: argument(context, 'MODEL'),
    ...numbersOf(context),
    ...(selector === undefined ? {} : { selector }),
    ...(waves === undefined ? {} : { waves }),
    ...(maintenance === undefined ? {} : { maintenance }),
    ...(gates === undefined ? {} : { gates }),
    ...(onBreach === undefined ? {} : { onBreach }),
    ...(breachScope === undefined ? {} : { breachScope }),
    ...(context.options.force === true ? { force: true } : {}),
    ...(offline === undefined ? {} : { offline }),
    ...(context.options.requireData === true ? { requireData: true } : {}),
    ...(context.options.allowEmpty === true ? { allowEmpty: true } : {}),
  };
}

function numbersOf(context: CommandContext): Partial<RolloutAsked> {
  const number = (name: string, min = 0) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return numberOption(context, name, { min, flag });
  };
  const numbers = {
    version: number('modelVersion', 1),
    scouts: number('scouts'),
    soakSeconds: number('soakSeconds'),
    watchSeconds: number('watchSeconds'),
    timeoutSeconds: number('timeoutSeconds', 1),
    maxFailures: number('maxFailures', 1),
    maxConcurrent: number('maxConcurrent', 1),
    minHealthyPercent: number('minHealthyPercent'),
    tuningBudgetSeconds: number('budgetSeconds', 1),
  };
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined));
}

/** `1,10%,100%` → a count and two shares, with the approvals that are asked for. */
function wavesOf(context: CommandContext): Wave[] | undefined {
  const text = textOption(context, 'waves');
  const approved = textOption(context, 'approveWaves');
  if (text === undefined && approved === undefined) return undefined;
  const waves = (text ?? '1,100%').split(',').map((part): Wave => {
    const match = /^\s*(\d+(?:\.\d+)?)(%?)\s*$/.exec(part);
    if (!match) throw bad('--waves', 'counts and percentages such as 1,10%,100%', text ?? '');
    const value = Number(match[1]);
    return match[2] === '%' ? { percent: value } : { count: value };
  });
  if (approved === undefined) return waves;
  if (approved === 'all') return waves.map((wave) => ({ ...wave, approval: true }));
  const numbers = approved.split(',').map(Number);
  const wrong = numbers.some((wave) => !Number.isInteger(wave) || wave < 1 || wave > waves.length);
  if (wrong) throw bad('--approve-waves', `numbers from 1 to ${waves.length}, or all`, approved);
  return waves.map((wave, index) =>
    numbers.includes(index + 1) ? { ...wave, approval: true } : wave,
  );
}

/** `mon,fri 22:00-04:00`, or only the hours for every day. */
function maintenanceOf(context: CommandContext): Maintenance | undefined {
  const given = context.options.maintenance;
  const list = Array.isArray(given) ? given : [];
  const [first, ...more] = list.map((text) => {
    const match = /^(?:([a-z,]+) )?(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text.trim());
    const names = match?.[1]?.split(',') ?? [];
    const own = days.filter((day) => names.includes(day));
    if (!match || own.length < names.length) {
      throw bad('--maintenance', 'days and hours such as "mon,fri 22:00-04:00"', text);
    }
    return { days: own, from: match[2] ?? '', to: match[3] ?? '' };
  });
  if (!first) return undefined;
  return { timeZone: textOption(context, 'timeZone') ?? 'UTC', windows: [first, ...more] };
}

/** Threshold names and numbers; the controller knows which names there are. */
function gatesOf(context: CommandContext): RolloutAsked['gates'] | undefined {
  const given = context.options.gate;
  if (!Array.isArray(given)) return undefined;
  const entries = given.map((text) => {
    const [name = '', value = ''] = text.split('=');
    const limit = value === 'off' ? null : Number(value);
    if (name !== '' && value !== '' && !Number.isNaN(limit)) return [name, limit];
    throw bad('--gate', 'a name and a number, such as latencyRatio=1.5', text);
  });
  return Object.fromEntries(entries);
}

function oneOf<T extends string>(
  context: CommandContext,
  { name, flag, of }: { name: string; flag: string; of: readonly T[] },
): T | undefined {
  const text = textOption(context, name);
  if (text === undefined) return undefined;
  const found = of.find((one) => one === text);
  if (found === undefined) throw bad(flag, of.join(', '), text);
  return found;
}

function bad(what: string, expected: string, got: string): FettleError {
  return new FettleError('BAD_ARGUMENT', { what, expected, got });
}
