/** What happens in fleets while a version reaches them, and how each rollout must end. */
import type { Ending } from '../../../commands/exit-codes.ts';
import type { RolloutState } from '../../../shared/protocol/states.ts';
import { clone, removeDevice, renameHost, reviveRemoved } from './machines.ts';
import { reaches, type Stage, seen } from './stage.ts';
import type { VersionName } from './versions.ts';

export interface Scenario {
  readonly name: string;
  readonly gets: VersionName;
  /** More words of `fettle rollout start`. */
  readonly words: readonly string[];
  readonly state: RolloutState | 'refused';
  readonly ending: Ending;
  /** What the rollout, or the refusal, must say. */
  readonly says: RegExp;
  /** Nobody asks the devices anything. */
  readonly quiet?: true;
  /** The last device is none that the rollout is for, in the end. */
  readonly without?: true;
  /** Each returns what is wrong. */
  readonly before?: Act;
  /** While the command waits. */
  readonly during?: Act;
  readonly after?: Act;
}

type Act = (stage: Stage) => Promise<readonly string[]>;

/** How long a device may be silent, where that is what is waited for. */
const silence = ['--timeout-seconds', '20'];
const all = /^(\d+) of \1 devices serve it$/;
const succeeded = { gets: 'good', state: 'succeeded', ending: 'done', says: all } as const;
const rolledBack = { state: 'rolled back', ending: 'rolledBack' } as const;
const oneFailed = /1 failed, the limit is 1/;

export const scenarios: readonly Scenario[] = [
  {
    ...{ name: 'off at the start, skipped, back later', ...succeeded, words: silence },
    says: /; 1 offline, given it when back$/,
    before: off,
    after: joinsLater,
  },
  {
    ...{ name: 'off at the start, waited for', ...succeeded },
    words: ['--offline', 'wait', ...silence],
    before: off,
    async during(stage) {
      await reaches(stage, 'it waits for one', waitsForOne);
      return await on(stage);
    },
  },
  {
    ...{ name: 'off at the start, for ever, skipped', ...succeeded, words: silence },
    ...{ says: /; 1 offline, given it when back$/, before: off, without: true },
  },
  {
    ...{ name: 'off at the start, for ever, a failure', gets: 'good', ...rolledBack },
    ...{ words: ['--offline', 'fail', ...silence], says: oneFailed, before: off, without: true },
  },
  {
    ...{ name: 'off in the middle, back in time', ...succeeded, words: [] },
    before: stalls,
    async during(stage) {
      await offOnceTold(stage);
      stage.last.stall(false);
      return await on(stage);
    },
  },
  {
    ...{ name: 'off in the middle, for ever', gets: 'good', ...rolledBack, words: silence },
    ...{ says: oneFailed, before: stalls, during: offOnceTold, without: true },
  },
  { name: 'renamed host', ...succeeded, words: [], before: renameHost },
  { name: 'cloned', ...succeeded, words: [], before: clone },
  {
    ...{ name: 'removed, and enrolled anew', ...succeeded, words: [] },
    ...{ before: removeDevice, after: reviveRemoved, without: true },
  },
  {
    ...{ name: 'worse', gets: 'worse', words: [], state: 'refused', ending: 'unfit' },
    says: /^error VERSION_WORSE: tiny \d: top1 is 0 % .*, 100 % with version 1/m,
  },
  {
    ...{ name: 'worse, forced, with traffic', gets: 'worse', words: ['--force'] },
    ...{ ...rolledBack, says: /% of \d+ requests fail/ },
  },
  {
    ...{ name: 'worse, forced, no traffic, data required', gets: 'worse', quiet: true },
    ...{ words: ['--force', '--require-data', ...silence], ...rolledBack },
    says: /data are required: no data/,
  },
  {
    ...{ name: 'worse, not measurable, no traffic', gets: 'other answers', words: [] },
    ...{
      ...rolledBack,
      says: /agreement with the variant before on golden inputs 0,/,
      quiet: true,
    },
  },
];

async function off(stage: Stage) {
  await stage.last.switchOff();
  await seen(stage, false);
  return [];
}

async function on(stage: Stage) {
  await stage.last.switchOn();
  await seen(stage, true);
  return [];
}

async function joinsLater(stage: Stage) {
  const early = stage.last.told.has(stage.version);
  await on(stage);
  await reaches(stage, 'the one that was off has it too', ({ reason }) => all.test(reason));
  return early ? ['it was told while it was off'] : [];
}

function waitsForOne({ state, members }: Parameters<Parameters<typeof reaches>[2]>[0]): boolean {
  const waiting = members.filter((member) => member.state !== 'succeeded');
  return state === 'running' && waiting.length === 1 && waiting[0]?.offline === true;
}

async function stalls({ last }: Stage) {
  last.stall(true);
  return [];
}

/**
 * The controller has heard that it has taken the version up: its silence counts then. One that was
 * stalled for too long before that was seen has failed already.
 */
async function offOnceTold(stage: Stage) {
  await reaches(stage, 'the last one has begun', ({ state, members }) => {
    const member = members.find(({ device }) => device === stage.last.name);
    return state !== 'running' || (member?.state === 'updating' && /tuning/.test(member.reason));
  });
  return await off(stage);
}
