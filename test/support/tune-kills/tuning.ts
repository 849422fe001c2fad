/**
 * One life of a tuning, in a process that may be killed: `tuning.ts VARIANTS.json STATE`. Says each
 * finished look once it is on disk, and what was chosen.
 */
import { readFileSync, writeSync } from 'node:fs';
import * as v from 'valibot';
import { openStore } from '../../../agent/store.ts';
import { trialKey } from '../../../agent/tune/candidates.ts';
import { tune } from '../../../agent/tune/tune.ts';
import { sameRecipe } from '../../../shared/compress/recipe.ts';
import { Trial } from '../../../shared/protocol/tuning.ts';
import type { VariantFile } from '../../../shared/variants.ts';
import { deviceProfile, digitsGoal } from '../trials/variants.ts';

const [variants = '', state = ''] = process.argv.slice(2);
const files: VariantFile[] = JSON.parse(readFileSync(variants, 'utf8'));
const store = openStore(state);
const group = 'digits';
const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
const tuning = await tune({
  ...{ device: 'killed', revision: 1, goal: await digitsGoal(), profile: deviceProfile() },
  source: {
    async get(recipe) {
      const file = files.find((one) => sameRecipe(one.recipe, recipe));
      if (file) return file;
      throw new Error('only the built variants are here');
    },
  },
  ...{ budgetSeconds: 60, countWaiting: false, trialSecondsMax: 0.1 },
  finished: store.readTrials(group).map((text) => v.parse(Trial, JSON.parse(text))),
  onTrial(trial) {
    const key = trialKey(trial);
    store.writeTrial({ group, key, value: JSON.stringify(trial) }, Date.now());
    // Figures of the final round come together: it is finished when the last of them is.
    const look = trial.versus ? 'final' : `look ${trial.rung ?? 0}`;
    say({ finished: `${look} ${key}`, state: trial.state });
  },
  signal: new AbortController().signal,
});
say({ chosen: tuning.chosen?.recipeName ?? null, trials: tuning.trials.length });
process.exit();
