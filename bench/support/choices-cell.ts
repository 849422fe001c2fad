/**
 * In a process of a device shape: `choices-cell.ts FOLDER MEMORY_MIB CHOICES` tunes where there are
 * no choices, and lets them meet where there are some. Prints JSON.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { profileDevice } from '../../agent/profile/profile.ts';
import { runFinal } from '../../agent/tune/trial.ts';
import { tune } from '../../agent/tune/tune.ts';
import { Chosen } from './choices-protocol.ts';
import { type Built, builtSource } from './tuning-variants.ts';

const tuneSeconds = 20;
const meetSeconds = 10;
/** Compiled, as devices run it. */
const trialModule = new URL('../../dist/agent/tune/trial-child.js', import.meta.url);

const [folder = '', memory = '', text = '[]'] = process.argv.slice(2);
const signal = new AbortController().signal;
const built: Built = JSON.parse(readFileSync(join(folder, 'built.json'), 'utf8'));
const source = await builtSource(built, folder);
const choices = v.parse(v.array(Chosen), JSON.parse(text));
const answer = choices.length === 0 ? await choose() : await meet();
process.stdout.write(JSON.stringify(answer), () => process.exit());

async function choose(): Promise<Chosen> {
  const limits = memory === '' ? {} : { memoryMiB: Number(memory) };
  const profile = await profileDevice({ device: 'bench', limits, probes: false, signal });
  const { chosen, reason } = await tune({
    ...{ device: 'bench', revision: 1, goal: built.goal, profile, source, finished: [] },
    ...{ budgetSeconds: tuneSeconds, countWaiting: false, onTrial: () => {}, signal, trialModule },
  });
  if (chosen === null) throw new Error(reason ?? 'nothing was chosen');
  const { recipe, plan } = chosen;
  return { recipe, plan };
}

async function meet() {
  const entries = [];
  for (const { recipe, plan } of choices) {
    entries.push({ variant: await source.get(recipe, { signal }), plan });
  }
  return await runFinal(entries, {
    effort: {
      ...{ warmUpMs: 300, runsMin: 50, spread: 0 },
      ...{ secondsMin: meetSeconds, secondsMax: meetSeconds },
    },
    ...{ compare: 'latency', memoryLimitMiB: null, timeoutMs: 120_000, niceness: 0, signal },
    module: trialModule,
  });
}
