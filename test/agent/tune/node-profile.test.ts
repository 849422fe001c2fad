import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { runChild } from '../../../agent/measured-child.ts';
import { NodeProfileAnswer } from '../../../agent/tune/trial-protocol.ts';
import { int8, plan } from '../../support/trials/figures.ts';
import { digitsSource } from '../../support/trials/variants.ts';

const folder = mkdtempSync(join(tmpdir(), 'fettle-node-profile-'));
// The child inherits it, and leaves nothing there.
process.env.TMPDIR = folder;
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

for (const recipe of [int8, { v: 1, bits: 32 } as const]) {
  test.serial(
    `${recipe.bits} bits: all layers of a real variant are found, with their time`,
    async (t) => {
      const signal = new AbortController().signal;
      const file = await (await digitsSource(folder)).get(recipe, { signal });
      const layers = file.layers?.length ?? 0;
      t.true(layers > 5);
      let said: unknown;
      const { failure } = await runChild({
        module: new URL('../../../agent/tune/node-profile-child.ts', import.meta.url),
        request: {
          ...{ path: file.path, goldenPath: file.goldenPath, plan: plan(), layers },
          ...{ runsMin: 5, runsMax: 10, seconds: 1 },
        },
        ...{ timeoutMs: 60_000, memoryLimitMiB: null, niceness: 0, signal },
        onLine(line) {
          said = line;
        },
      });
      t.is(failure, null);
      const { layerUs } = v.parse(NodeProfileAnswer, said);
      t.is(layerUs?.length, layers);
      t.true(layerUs?.every((microseconds) => microseconds > 0));
      t.deepEqual(traces(), [], 'the trace is gone');
    },
  );
}

function traces(): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('fettle-nodes-'));
}
