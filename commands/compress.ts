/** `fettle compress`: one variant of a model, offline. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { compressFile } from '../shared/compress/file.ts';
import { blockSizes, Recipe, recipeName } from '../shared/compress/recipe.ts';
import type { FileResult, QualityBudget } from '../shared/compress/request.ts';
import { isTarget, targets } from '../shared/compress/targets.ts';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { packageOfModel } from '../shared/evaluate/package.ts';
import type { Command, CommandContext } from './command.ts';

const widths = [32, 16, 8, 4, 2] as const;
/** Of one comparison; two are made. */
const timing = { threads: 1, seconds: 5 };

export const command: Command = {
  args: ['MODEL.onnx'],
  options: [
    {
      flags: '--bits <n>',
      help: `${widths.join(', ')}; 32 is float, made canonical; below 8 only weights are narrow`,
    },
    {
      flags: '--keep <r>',
      help: 'the share of prunable channels to keep, 0.05 to 1; layers are fitted again',
    },
    {
      flags: '--blocks <n>',
      help: 'so many residual blocks become one convolution each, those that disturb least first',
    },
    { flags: '--out <file>', help: 'where the variant is written' },
    {
      flags: '--calibration <file>',
      help: 'the .npz to calibrate with; that of the package if absent',
    },
    {
      flags: '--recipe <file>',
      help: 'a recipe as JSON, instead of --bits and what goes with it',
    },
    {
      flags: '--scheme <name>',
      help: 'affine, or pow2: fixed point, every scale a power of two',
    },
    { flags: '--weight-only', help: 'activations stay float; so it is below 8 bits anyway' },
    {
      flags: '--block-size <n>',
      help: `weights that share a scale: ${blockSizes.join(', ')}`,
    },
    {
      flags: '--target <name>',
      help: `the kernels to build for: ${Object.keys(targets).join(', ')}`,
    },
    {
      flags: '--measure',
      help: 'time which layers are worth 8 bits on this machine; the others stay float',
    },
    {
      flags: '--max-drop <d>',
      help: 'what quality may fall by, e.g. 0.01; layers go back to float until that is sure',
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
    const written = await compressFile(
      {
        modelPath: found.modelPath,
        manifest: found.manifestPath === null ? null : found.manifest,
        calibrationPath: text(options.calibration) ?? found.calibrationPath,
        recipe: asked,
        ...(options.measure === true && { timing }),
        ...(budget && { budget }),
        signal,
        onProgress: (progress) => io.progress(progress),
      },
      () => resolve(out),
    );
    const seconds = (performance.now() - start) / 1000;
    const { recipe, sourceBytes, bytes, digest, layers, notes, quality } = written;
    const peakMemoryMiB = process.resourceUsage().maxRSS / 1024;
    const report = { sourceBytes, bytes, digest, recipe, layers, notes, seconds, peakMemoryMiB };
    io.result({ ...report, ...(quality && { quality }) });
    for (const line of summary(written, seconds)) io.line(line);
  },
};

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

async function recipeOf(context: CommandContext): Promise<Recipe> {
  const { options } = context;
  const file = text(options.recipe);
  if (file !== undefined) {
    const other = recipeOptions.find((name) => options[name] !== undefined);
    if (other !== undefined) {
      const expected = 'a recipe, or --bits and what goes with it';
      throw badArgument('--recipe', { expected, got: `both, with ${other}` });
    }
    return readRecipe(file);
  }
  const bits = Number(required(context, 'bits', widths.join(' or ')));
  const known = widths.find((width) => width === bits);
  const target = text(options.target);
  if (known === undefined) {
    throw badArgument('--bits', { expected: widths.join(' or '), got: String(options.bits) });
  }
  if (target !== undefined && !isTarget(target)) {
    throw badArgument('--target', { expected: Object.keys(targets).join(', '), got: target });
  }
  return {
    ...{ v: 1, bits: known },
    ...(target !== undefined && { target }),
    ...schemeOf(context),
    ...(options.weightOnly === true && { activations: 32 }),
    ...blockSizeOf(context),
    ...keepOf(context),
    ...blocksOf(context),
  };
}

const recipeOptions = [
  'bits',
  'target',
  'scheme',
  'weightOnly',
  'blockSize',
  'keep',
  'blocks',
] as const;

function schemeOf({ options }: CommandContext): Pick<Recipe, 'scheme'> {
  const scheme = text(options.scheme);
  if (scheme === undefined || scheme === 'affine') return {};
  if (scheme === 'pow2') return { scheme };
  throw badArgument('--scheme', { expected: 'affine or pow2', got: scheme });
}

function blockSizeOf({ options }: CommandContext): Pick<Recipe, 'blockSize'> {
  const asked = text(options.blockSize);
  if (asked === undefined) return {};
  const blockSize = blockSizes.find((size) => size === Number(asked));
  if (blockSize !== undefined) return { blockSize };
  throw badArgument('--block-size', { expected: blockSizes.join(', '), got: asked });
}

function keepOf({ options }: CommandContext): Pick<Recipe, 'keep'> {
  const asked = text(options.keep);
  if (asked === undefined) return {};
  const keep = Number(asked);
  if (keep >= 0.05 && keep <= 1) return { keep };
  throw badArgument('--keep', { expected: 'a number from 0.05 to 1', got: asked });
}

function blocksOf({ options }: CommandContext): Pick<Recipe, 'blocks'> {
  const asked = text(options.blocks);
  if (asked === undefined) return {};
  const blocks = Number(asked);
  if (Number.isInteger(blocks) && blocks >= 0 && blocks <= 1000) return { blocks };
  throw badArgument('--blocks', { expected: 'a whole number from 0 to 1000', got: asked });
}

async function readRecipe(path: string): Promise<Recipe> {
  const content = await readFile(path, 'utf8').catch(() => {
    throw new FettleError('FILE_MISSING', { path });
  });
  let document: unknown;
  try {
    document = JSON.parse(content);
  } catch (thrown) {
    throw new FettleError('RECIPE_INVALID', { reason: `${path} is not JSON: ${reasonOf(thrown)}` });
  }
  const result = v.safeParse(Recipe, document);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue) ?? 'the document';
  throw new FettleError('RECIPE_INVALID', { reason: `${path}: ${where}: ${issue.message}` });
}

function summary(written: FileResult, seconds: number): string[] {
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
    `${integer} of ${layers.length} layers compute in integers`,
    ...float,
    ...layers.flatMap(({ name, channels }) =>
      channels ? [`  ${name} keeps ${channels.kept} of ${channels.of} channels`] : [],
    ),
    ...notes.map((note) => `  ${note}`),
    `written to ${path}`,
  ];
}

function required({ options }: CommandContext, name: string, expected: string): string {
  const value = text(options[name]);
  if (value === undefined) throw badArgument(`--${name}`, { expected, got: 'nothing' });
  return value;
}

function badArgument(what: string, details: { expected: string; got: string }): FettleError {
  return new FettleError('BAD_ARGUMENT', { what, ...details });
}

function text(value: string | boolean | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
