import { join } from 'node:path';
import test from 'ava';
import { freeMemoryMiB, requireMemory } from '../../agent/room.ts';
import { productRoot } from '../../shared/product.ts';

const rootOf = (machine: string) => join(productRoot(), 'test', 'fixtures', 'devices', machine);

test('memory is what machine, control group and setting leave', async (t) => {
  const pi = { root: rootOf('raspberry-pi-5'), residentMiB: 100 };
  t.is(Math.floor(await freeMemoryMiB({ ...pi, memoryMiB: null })), 7326);
  t.is(await freeMemoryMiB({ ...pi, memoryMiB: 256 }), 156);
  t.is(await freeMemoryMiB({ ...pi, memoryMiB: 64 }), 0);
  const vm = { root: rootOf('vm-x64'), residentMiB: 48 };
  t.is(await freeMemoryMiB({ ...vm, memoryMiB: null }), 2000, 'its group has 2 GiB');
  t.is(await freeMemoryMiB({ ...vm, memoryMiB: 1000 }), 952);
});

test('two copies of the weights for each instance, and a little for everyone else', (t) => {
  const load = { what: 'int8', bytes: 10 << 20, instances: 3 };
  t.notThrows(() => requireMemory(load, 76));
  t.throws(() => requireMemory(load, 75.9), {
    code: 'MEMORY_SHORT',
    message: 'int8: 76 MiB needed, 75 MiB free',
  });
});
