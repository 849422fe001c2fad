import test from 'ava';
import { runtimeMiB } from '../../../agent/tune/candidates.ts';
import { expectedMiB } from '../../../agent/tune/expected-memory.ts';
import { sourceRecipe } from '../../../shared/compress/recipe.ts';
import { int8, plan, trial } from '../../support/trials/figures.ts';

const alone = trial({ memoryMiB: runtimeMiB + 100 });

test('sessions side by side need the runtime once, and each its own', (t) => {
  t.is(expectedMiB({ recipe: sourceRecipe, plan: plan(1, 3) }, [alone]), runtimeMiB + 300);
});

test('nothing is expected of one session, nor of a variant that was not measured alone', (t) => {
  t.is(expectedMiB({ recipe: sourceRecipe, plan: plan(2) }, [alone]), null);
  t.is(expectedMiB({ recipe: int8, plan: plan(1, 2) }, [alone]), null);
  const failed = { ...alone, state: 'failed' as const };
  const together = { ...alone, plan: plan(1, 2) };
  t.is(expectedMiB({ recipe: sourceRecipe, plan: plan(1, 2) }, [failed, together]), null);
});
