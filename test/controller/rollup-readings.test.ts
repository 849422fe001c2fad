import test from 'ava';
import { mergeWindows } from '../../controller/store/rollups.ts';
import { windowOf } from '../support/documents.ts';

const stretch = { start: '2026-01-01T00:00:00.000Z', span: 60 } as const;

test('readings are merged as each can be, and what one window lacks is kept of the other', (t) => {
  const at = new Date(stretch.start);
  const a = {
    ...{ ...windowOf(1, at), requests: 10, seconds: 5, queue: 3, batch: 2, frequencyMHz: 1000 },
    ...{ throttled: true, powerW: 4, diskFreeMiB: 90, networkBytes: { sent: 5, received: 7 } },
    ...{ outputDrift: 0.1, inputDrift: null, gpuLoad: 0.2 },
    rails: [
      { name: 'VDD_IN', watts: 4 },
      { name: 'VDD_CPU', watts: 1 },
    ],
  };
  const b = {
    ...{ ...windowOf(2, at), requests: 30, seconds: 15, queue: 1, batch: 4, frequencyMHz: 2000 },
    ...{ throttled: false, diskFreeMiB: 80, networkBytes: { sent: 1, received: 2 } },
    ...{ outputDrift: 0.3, gpuLoad: 0.6, rails: [{ name: 'VDD_IN', watts: 8 }] },
  };
  const merged = mergeWindows(a, b, stretch);
  const { queue, batch, frequencyMHz, throttled, powerW, diskFreeMiB, networkBytes } = merged;
  t.deepEqual([queue, batch, frequencyMHz, throttled], [3, 3.5, 1750, true]);
  t.deepEqual([powerW, diskFreeMiB, networkBytes], [4, 80, { sent: 6, received: 9 }]);
  t.deepEqual(merged.rails, [
    { name: 'VDD_IN', watts: 7 },
    { name: 'VDD_CPU', watts: 1 },
  ]);
  t.is(merged.gpuLoad?.toFixed(6), '0.500000');
  t.deepEqual([merged.outputDrift, 'inputDrift' in merged], [0.3, false]);
  const plain = mergeWindows(windowOf(1, at), windowOf(2, at), stretch);
  t.false('queue' in plain || 'networkBytes' in plain || 'outputDrift' in plain);
});
