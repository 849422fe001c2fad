/** What is said of every shared model, improvable or not, with calibration data and without. */
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { compressFile } from '../../../shared/compress/file.ts';
import { FettleError } from '../../../shared/errors.ts';
import { writeNpz } from '../../../shared/evaluate/npz.ts';
import { findRandomFeeds } from '../../../shared/evaluate/random-feeds.ts';
import { openSession } from '../../../shared/evaluate/runtime.ts';
import { isStorable } from '../../../shared/evaluate/tensor.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import { testEachSharedModel } from '../../support/models.ts';

interface Said {
  /** 8 bits without calibration data and with it, then 4 bits likewise. */
  readonly at8: RegExp;
  readonly at8WithData: RegExp;
  readonly at4: RegExp;
  readonly at4WithData: RegExp;
}

const noData = /CALIBRATION_MISSING.*--weight-only/;
const already = /quantized already \(it has \w+\): it is left as it is/;
const insideControlFlow =
  /No layer can .* outside of control flow .* control flow \(25 If\): .* 16 layers among it, stays/;
const half = /No layer can .* its weights are no float constant/;
/** Weights that a ConstantOfShape makes are not stored, as the file would grow. */
const filled = /No layer can .* no layer has constant weights/;
const calibrated = /Calibrated with \d+ sample/;
const unpacked = /unpacked to float when the model is loaded: that saves bytes only/;
/** Its state has the batch on the second axis. */
const otherAxis = /DATA_MISMATCH .* array state/;
const packed = /compute with packed weights: that saves bytes and memory/;

const float: Said = { at8: noData, at8WithData: calibrated, at4: unpacked, at4WithData: unpacked };
const table: Readonly<Record<string, Said>> = {
  'silero-vad': all(insideControlFlow),
  'squeezenet-fp16': all(half),
  'resnet20-ort-qdq': all(already),
  'resnet8-already-quantized': all(already),
  'resnet8-ort-qoperator': all(already),
  'light-resnet50': all(filled),
  'light-squeezenet': all(filled),
  'zoo/attention-series/model.onnx': { ...float, at4: packed, at4WithData: packed },
  'zoo/boosted-trees/model.onnx': all(filled),
  'zoo/silero-vad-v5-16k/model.onnx': {
    ...float,
    at8WithData: otherAxis,
    at4WithData: otherAxis,
  },
  'zoo/wake-word/model.onnx': { ...float, at4: packed, at4WithData: packed },
  'magika-v3_3': { ...float, at4: packed, at4WithData: packed },
  'iris-mlp': { ...float, at4: packed, at4WithData: packed },
};

function all(said: RegExp): Said {
  return { at8: said, at8WithData: said, at4: said, at4WithData: said };
}

testEachSharedModel('what was done, and what not, is said', async (t, { name, path }) => {
  const key = name.startsWith('other/') ? basename(name, '.onnx') : name;
  const said = table[key] ?? float;
  const data = await randomData(t, path);
  t.regex(await accountOf(t, { path, bits: 8, data: null }), said.at8);
  t.regex(await accountOf(t, { path, bits: 8, data }), said.at8WithData);
  t.regex(await accountOf(t, { path, bits: 4, data: null }), said.at4);
  t.regex(await accountOf(t, { path, bits: 4, data }), said.at4WithData);
});

/** One sample that the model takes. */
async function randomData(t: ExecutionContext, path: string): Promise<string> {
  const session = await openSession(path, { threads: 1 });
  const feeds = await findRandomFeeds(session, 1);
  await session.release();
  const data = join(temporaryFolder(t), 'random.npz');
  const arrays = Object.entries(feeds).flatMap(([name, { type, dims, data: values }]) => {
    // One sample of a scalar is an array of one.
    const shape = dims.length > 0 ? dims : [1];
    return isStorable(type) && ArrayBuffer.isView(values)
      ? [[name, { type, shape, data: values }]]
      : [];
  });
  await writeNpz(data, Object.fromEntries(arrays));
  return data;
}

async function accountOf(
  t: ExecutionContext,
  { path, bits, data }: { path: string; bits: 8 | 4; data: string | null },
): Promise<string> {
  const out = join(temporaryFolder(t), 'variant.onnx');
  try {
    const { notes } = await compressFile(
      {
        ...{ modelPath: path, manifest: null, calibrationPath: data },
        ...{ recipe: { v: 1, bits }, signal: new AbortController().signal },
      },
      () => out,
    );
    return notes.join(' ');
  } catch (thrown) {
    if (!(thrown instanceof FettleError)) throw thrown;
    return `${thrown.code} ${thrown.message} ${thrown.hint}`;
  }
}
