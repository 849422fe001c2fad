import test from 'ava';
import { parseCpuInfo } from '../../../agent/profile/cpuinfo.ts';

const core = (processor: number, part: string, features: string) =>
  `processor\t: ${processor}\nFeatures\t: ${features}\n` +
  `CPU implementer\t: 0x41\nCPU part\t: ${part}\n`;

test('big and little cores are told apart, and only what all of them have counts', (t) => {
  const little = Array.from({ length: 4 }, (_, i) => core(i, '0xd05', 'fp asimd asimddp'));
  const big = Array.from({ length: 2 }, (_, i) => core(4 + i, '0xd0b', 'fp asimd asimddp i8mm'));
  const info = parseCpuInfo([...little, ...big].join('\n'));
  t.is(info.model, 'Cortex-A55 ×4 + Cortex-A76 ×2');
  t.deepEqual(info.types, [
    { name: 'Cortex-A55', cores: 4 },
    { name: 'Cortex-A76', cores: 2 },
  ]);
  t.deepEqual(info.features, ['asimd', 'asimddp']);
});

test('a part number that is not in the table is shown as it is', (t) => {
  t.is(parseCpuInfo(core(0, '0xfff', 'asimd')).model, 'ARM 0x41:0xfff ×1');
});

test('x86: siblings of one core share its number', (t) => {
  const text = [0, 1, 2, 3]
    .map((i) => `processor\t: ${i}\nphysical id\t: 0\ncore id\t: ${i >> 1}\nflags\t: avx2 fma`)
    .join('\n\n');
  t.is(new Set(parseCpuInfo(text).coreOf.values()).size, 2);
});

test('nothing gives nothing', (t) => {
  const info = parseCpuInfo('');
  t.is(info.model, '');
  t.deepEqual(info.features, []);
});
