import test from 'ava';
import { tryGreedily } from '../../../../shared/compress/correct/choose.ts';

test('corrections are tried beside the best one; statistics hold the mean already', async (t) => {
  const noises: Record<string, number> = {
    '': 1,
    bias: 0.5,
    equalize: 0.8,
    statistics: 0.3,
    'statistics,equalize': 0.1,
  };
  const tried = await tryGreedily(['bias', 'equalize', 'statistics'], async (corrections) => ({
    noise: noises[corrections.join()] ?? Number.NaN,
    agreement: 1,
  }));
  t.deepEqual(
    tried.map(({ corrections }) => corrections.join()),
    Object.keys(noises),
  );
});

test('what hardly helps is not kept, and nothing is tried beside it', async (t) => {
  const tried = await tryGreedily(['bias', 'equalize'], async (corrections) => ({
    noise: 1 - 0.05 * corrections.length,
    agreement: 1,
  }));
  t.deepEqual(
    tried.map(({ corrections }) => corrections),
    [[], ['bias'], ['equalize']],
  );
});
