/** Which output of a model holds what no metric can judge: NaN or an infinity. */
import { batches, openDataSet } from './dataset.ts';
import type { Measurement } from './quality.ts';
import { openSession } from './runtime.ts';
import { numbersOf } from './tensor.ts';

/** The first such output in words, e.g. `output y holds -Infinity …`; null where all is finite. */
export async function findNotFinite(measurement: Measurement): Promise<string | null> {
  const { modelPath, dataPath, preparation, threads, limit, signal } = measurement;
  const session = await openSession(modelPath, { threads });
  try {
    const dataSet = await openDataSet(dataPath, { inputs: session.inputs, preparation });
    const total = Math.min(dataSet.samples, limit ?? dataSet.samples);
    for await (const batch of batches(dataSet, { limit: total })) {
      signal?.throwIfAborted();
      const results = await session.run(batch.feeds);
      for (const { name, type } of session.outputs) {
        const tensor = results[name];
        const said = tensor === undefined || type === 'string' ? null : sayOf(numbersOf(tensor));
        if (said !== null) return `output ${name} holds ${said}`;
      }
    }
    return null;
  } finally {
    await session.release();
  }
}

function sayOf(values: ArrayLike<number>): string | null {
  let count = 0;
  let first: number | null = null;
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] ?? 0;
    if (Number.isFinite(value)) continue;
    first ??= value;
    count += 1;
  }
  return first === null ? null : `${first} (${count} of ${values.length} numbers of a run)`;
}
