/** `fettle compress`: one variant of a model, offline. */
import { resolve } from 'node:path';
import { compressFile } from '../shared/compress/file.ts';
import { recipeName } from '../shared/compress/recipe.ts';
import type {
  BytesBudget,
  FileResult,
  QualityBudget,
  SpeedTarget,
} from '../shared/compress/request.ts';
import { type Package, packageOfModel } from '../shared/evaluate/package.ts';
import { saturationHere } from '../shared/evaluate/saturation.ts';
import { ownPeakMiB } from '../shared/process-memory.ts';
import { sentBytesOf } from '../shared/zstd.ts';
import type { Command, CommandContext } from './command.ts';
import { badArgument, recipeFlags, recipeOf, required, text } from './compress-recipe.ts';

/** Of one comparison; two are made. */
const timing = { threads: 1, seconds: 5 };

export const command: Command = {
  args: ['MODEL.onnx'],
  options: [
    ...recipeFlags,
    { flags: '--out <file>', help: 'where the variant is written' },
    {
      flags: '--calibration <file>',
      help: 'the .npz to calibrate with; that of the package if absent',
    },
    {
      flags: '--measure',
      help: 'time which layers are worth 8 bits on this machine; the others stay float',
    },
    {
      flags: '--max-bytes <n>',
      help: 'the file at most, or 0.3x of the source; layers get at least --bits, where it helps',
    },
    {
      flags: '--target-speedup <s>',
      help: 'channels, blocks and bits are searched together for so many times the speed',
    },
    {
      flags: '--search-seconds <n>',
      help: 'that search ends about then, 10 to 86400',
      default: '300',
    },
    {
      flags: '--max-drop <d>',
      help: 'what quality may fall by, e.g. 0.01; what was taken comes back until that is sure',
    },
    {
      flags: '--evaluation <file>',
      help: 'the .npz to judge --max-drop with; that of the package if absent',
    },
    { flags: '--package <file>', help: 'the fettle.json to use; that beside the model if absent' },
  ],
  async run(context) {
    const start = performance.now();
    const { io, options, args, signal } = context;
    const out = required(context, 'out', 'a file to write the variant to');
    const asked = await recipeOf(context);
    const found = await packageOfModel(args['MODEL.onnx'] ?? '', text(options.package));
    const budget = budgetOf(context, found.evaluationPath);
    const maxBytes = bytesOf(context);
    const speed = speedOf(context);
    const calibrationPath = text(options.calibration) ?? found.calibrationPath;
    const fitted = await compressFile(
      {
        modelPath: found.modelPath,
        manifest: found.manifestPath === null ? null : found.manifest,
        calibrationPath,
        recipe: asked,
        ...(options.measure === true && { timing }),
        ...(maxBytes && { maxBytes }),
        ...(speed && { speed }),
        ...(budget && { budget }),
        signal,
        onProgress: (progress) => io.progress(progress),
      },
      () => resolve(out),
    );
    const note =
      calibrationPath && (await saturationOf(fitted, found, { calibrationPath, signal }));
    const written = note ? { ...fitted, notes: [...fitted.notes, note] } : fitted;
    const seconds = (performance.now() - start) / 1000;
    const { recipe, sourceBytes, bytes, digest, layers, notes, quality } = written;
    const peakMemoryMiB = ownPeakMiB();
    const sentBytes = await sentBytesOf(written.path);
    const sizes = { sourceBytes, bytes, sentBytes };
    const report = { ...sizes, digest, recipe, layers, notes, seconds, peakMemoryMiB };
    io.result({ ...report, ...(quality && { quality }) });
    for (const line of summary(written, { seconds, sentBytes })) io.line(line);
  },
};

/** What this machine would make of the variant, where it is asked to compute in integers. */
async function saturationOf(
  { path, layers }: FileResult,
  { manifest }: Package,
  { calibrationPath, signal }: { calibrationPath: string; signal: AbortSignal },
): Promise<string | null> {
  if (layers.every(({ compute }) => compute === 'float')) return null;
  const data = { dataPath: calibrationPath, preparation: manifest.inputs };
  return saturationHere({ modelPath: path, ...data, threads: 1, signal });
}

function budgetOf({ options }: CommandContext, packaged: string | null): QualityBudget | undefined {
  const asked = text(options.maxDrop);
  if (asked === undefined) return undefined;
  const maxDrop = Number(asked);
  if (!(maxDrop >= 0)) {
    throw badArgument('--max-drop', { expected: 'a number of at least 0', got: asked });
  }
  const evaluationPath = text(options.evaluation) ?? packaged;
  if (evaluationPath !== null) return { maxDrop, evaluationPath };
  throw badArgument('--evaluation', { expected: 'an .npz data set to judge with', got: 'none' });
}

function speedOf({ options }: CommandContext): SpeedTarget | undefined {
  const asked = text(options.targetSpeedup);
  if (asked === undefined) return undefined;
  const [speedup, secondsMax] = [Number(asked), Number(options.searchSeconds)];
  if (!(speedup >= 1 && speedup <= 1000)) {
    throw badArgument('--target-speedup', { expected: 'a number from 1 to 1000', got: asked });
  }
  if (secondsMax >= 10 && secondsMax <= 86_400) return { speedup, secondsMax };
  const got = String(options.searchSeconds);
  throw badArgument('--search-seconds', { expected: 'seconds from 10 to 86400', got });
}

function bytesOf({ options }: CommandContext): BytesBudget | undefined {
  const asked = text(options.maxBytes);
  if (asked === undefined) return undefined;
  const share = asked.endsWith('x');
  const number = Number(share ? asked.slice(0, -1) : asked);
  if (share && number > 0 && number <= 1) return { share: number };
  if (!share && Number.isInteger(number) && number > 0) return { bytes: number };
  const expected = 'a number of bytes, or a share of the source such as 0.3x';
  throw badArgument('--max-bytes', { expected, got: asked });
}

function summary(
  written: FileResult,
  { seconds, sentBytes }: { seconds: number; sentBytes: number },
): string[] {
  const { recipe, sourceBytes, bytes, layers, notes, path } = written;
  const integer = layers.filter(({ compute }) => compute === 'integer').length;
  const share = ((100 * bytes) / sourceBytes).toFixed(0);
  const float = layers
    .filter(({ compute }) => recipe.bits < 32 && compute === 'float')
    .map(({ name, bits, reason }) =>
      bits < 32 ? `  ${name} computes in float: ${reason}` : `  ${name} stays float: ${reason}`,
    );
  return [
    `${recipeName(recipe)}: ${bytes} bytes, ${share} % of the source, in ${seconds.toFixed(1)} s`,
    `${sentBytes} bytes are sent to a device, compressed`,
    `${integer} of ${layers.length} layers compute in integers`,
    ...float,
    ...layers.flatMap(({ name, channels }) =>
      channels ? [`  ${name} keeps ${channels.kept} of ${channels.of} channels`] : [],
    ),
    ...notes.map((note) => `  ${note}`),
    `written to ${path}`,
  ];
}
