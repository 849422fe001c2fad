import test from 'ava';
import { memoryFor, searchSpace } from '../../../agent/tune/candidates.ts';
import { kernelTarget } from '../../../shared/compress/kernel-target.ts';
import type { Recipe } from '../../../shared/compress/recipe.ts';
import type { TensorInfo } from '../../../shared/protocol/fields.ts';
import type { Plan } from '../../../shared/protocol/tuning.ts';
import { deviceProfile, digitsGoal } from '../../support/trials/variants.ts';

const MiB = 2 ** 20;

const shapes: [string, Parameters<typeof deviceProfile>[0], number[]][] = [
  ['one core', { processor: { cores: 1 } }, [1]],
  ['two cores', { processor: { cores: 2 } }, [2, 1]],
  ['four cores', { processor: { cores: 4 } }, [4, 1, 2]],
  ['half a core by quota', { processor: { cores: 4, quotaCores: 0.5 } }, [1]],
  ['one and a half by quota', { processor: { cores: 8, quotaCores: 1.5 } }, [1]],
  ['siblings of two cores', { processor: { cores: 4, physicalCores: 2 } }, [2, 1, 4]],
];
for (const [what, shape, threads] of shapes) {
  test(`${what}: threads ${threads.join(', ')}`, async (t) => {
    const { plans } = searchSpace(await digitsGoal(), deviceProfile(shape));
    t.deepEqual(
      plans.map((plan) => plan.threads),
      threads,
    );
    t.true(plans.every((plan) => plan.instances === 1 && plan.provider === 'cpu'));
  });
}

const big = { name: 'Cortex-A76', cores: 4, cpus: [4, 5, 6, 7] };
const little = { name: 'Cortex-A55', cores: 4, cpus: [0, 1, 2, 3] };

test('big and little: the big cores come first, their threads bound, then all', async (t) => {
  const plansOf = async (processor: Parameters<typeof deviceProfile>[0]) =>
    searchSpace(await digitsGoal(), deviceProfile(processor)).plans.map(
      ({ threads, cpus }) => `${threads}${cpus ? ` on ${cpus}` : ''}`,
    );
  const processor = { cores: 8, clusters: [big, little] };
  t.deepEqual(await plansOf({ processor }), ['4 on 4,5,6,7', '8', '1', '4']);
  const quota = { ...processor, quotaCores: 2 };
  t.deepEqual(await plansOf({ processor: quota }), ['2 on 4,5,6,7', '2', '1']);
  t.deepEqual(await plansOf({ processor: { cores: 4, clusters: [big] } }), ['4', '1', '2']);
});

test('throughput: sessions side by side never need more cores than there are', async (t) => {
  const goal = await digitsGoal({ objective: 'throughput' });
  const { plans } = searchSpace(goal, deviceProfile({ processor: { cores: 4 } }));
  const shapes = plans.map(shapeOf);
  t.deepEqual(shapes, ['1×4', '1×1', '1×2', '4×1', '2×2', '1×1 ÷2', '1×1 ÷4']);
});

const shapeOf = ({ instances, threads, stages, batch }: Plan) =>
  `${instances}×${threads}${stages > 1 ? ` ÷${stages}` : ''}${batch > 1 ? ` ·${batch}` : ''}`;

const rows: TensorInfo = { name: 'x', type: 'float', shape: [-1, 8] };

test('throughput: rows go together where the model has an open leading axis', async (t) => {
  const goal = await digitsGoal({ objective: 'throughput', inputs: [rows], outputs: [rows] });
  const shapes = (cores: number) =>
    searchSpace(goal, deviceProfile({ processor: { cores } })).plans.map(shapeOf);
  t.deepEqual(shapes(1), ['1×1', '1×1 ·8']);
  t.deepEqual(shapes(2), ['1×2', '1×1', '2×1', '1×1 ÷2', '1×2 ·8', '2×1 ·8']);
});

test('memory: sessions without the arena and without prepacking are tried', async (t) => {
  const { plans } = searchSpace(await digitsGoal({ objective: 'memory' }), deviceProfile());
  t.deepEqual(
    plans.map(({ threads, arena, prepack }) => [threads, arena ?? true, prepack ?? true]),
    [
      [2, true, true],
      [1, true, true],
      [2, false, true],
      [2, false, false],
      [1, false, true],
      [1, false, false],
    ],
  );
});

test('a provider that opened is a plan', async (t) => {
  const { plans } = searchSpace(await digitsGoal(), deviceProfile({ providers: ['cpu', 'cuda'] }));
  t.is(plans.at(-1)?.provider, 'cuda');
});

test('float16 is worth trying where an accelerator opened, and only there', async (t) => {
  const bits = (goal: Parameters<typeof searchSpace>[0], providers: string[]) =>
    searchSpace(goal, deviceProfile({ providers })).recipes.map((recipe) => recipe.bits);
  const goal = await digitsGoal({ candidates: [{ v: 1, bits: 8 }] });
  t.deepEqual(bits(goal, ['cpu']), [32, 8]);
  t.deepEqual(bits(goal, ['cpu', 'cuda']), [32, 8, 16]);
  const asked = await digitsGoal({ candidates: [{ v: 1, bits: 16 }] });
  t.deepEqual(bits(asked, ['cpu', 'cuda']), [32, 16], 'once');
});

test('the source comes first, once, whatever the goal lists', async (t) => {
  const source: Recipe = { v: 1, source: true, bits: 32 };
  const int8: Recipe = { v: 1, bits: 8 };
  for (const candidates of [[], [int8], [int8, source, int8]]) {
    const { recipes } = searchSpace(await digitsGoal({ candidates }), deviceProfile());
    t.true(recipes[0]?.source);
    t.is(recipes.filter((recipe) => recipe.source).length, 1);
    t.is(new Set(recipes.map((recipe) => JSON.stringify(recipe))).size, recipes.length);
  }
});

test('recipes for other kernels are left out', async (t) => {
  const candidates: Recipe[] = ['x64', 'arm64', 'arm64-dotprod'].map((target) => ({
    ...{ v: 1, bits: 8, target },
  }));
  const goal = await digitsGoal({ candidates });
  const old = deviceProfile({ processor: { features: ['avx2'] } });
  t.is(kernelTarget(old), 'x64');
  t.deepEqual(
    searchSpace(goal, old).recipes.map((recipe) => recipe.target),
    [undefined, 'x64'],
  );
  const arm = deviceProfile({ os: { arch: 'arm64' }, processor: { features: ['asimddp'] } });
  const targets = searchSpace(goal, arm).recipes.map((recipe) => recipe.target);
  t.deepEqual(targets, [undefined, 'arm64-dotprod']);
});

test('what cannot fit is skipped with the figures, what may fit is tried', async (t) => {
  const goal = await digitsGoal({ bytes: 300 * MiB });
  const small = deviceProfile({ memory: { limitMiB: 256 } });
  const { recipes, skipped } = searchSpace(goal, small);
  t.deepEqual(
    recipes.map((recipe) => recipe.bits),
    [8],
  );
  t.is(skipped[0]?.code, 'MEMORY_SHORT');
  t.is(skipped[0]?.reason, 'source needs at least 360 MiB of memory, 256 MiB are free');
});

test('a full disk skips what is larger than its room', async (t) => {
  const goal = await digitsGoal({ bytes: 300 * MiB });
  const { recipes, skipped } = searchSpace(goal, deviceProfile({ disk: { freeMiB: 100 } }));
  t.deepEqual(
    recipes.map((recipe) => recipe.bits),
    [8],
  );
  t.is(skipped[0]?.code, 'DISK_FULL');
});

test('memory that cannot be read is no limit', (t) => {
  const unknown = deviceProfile({ memory: { totalMiB: 0, availableMiB: 0, limitMiB: null } });
  t.is(memoryFor(unknown), Number.POSITIVE_INFINITY);
});
