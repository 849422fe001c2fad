/** The options of `fettle compress` that say how to fit a model, and the recipe they make. */
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { blockSizes, Recipe, Sparsity } from '../shared/compress/recipe.ts';
import { isTarget, targets } from '../shared/compress/targets.ts';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { sentenceOf } from '../shared/issues.ts';
import type { Command, CommandContext } from './command.ts';

const widths = [32, 16, 8, 4, 2] as const;

export const recipeFlags: Command['options'] = [
  {
    flags: '--bits <n>',
    help: `${widths.join(', ')} for weights; 32 is float, made canonical; see --activations`,
  },
  {
    flags: '--keep <r>',
    help: 'the share of prunable channels to keep, 0.05 to 1; layers are fitted again',
  },
  {
    flags: '--blocks <n>',
    help: 'so many residual blocks become one convolution each, those that disturb least first',
  },
  {
    flags: '--dropped <n>',
    help: 'so many residual blocks go, the layers before them fitted to what they made',
  },
  {
    flags: '--sparsity <s>',
    help: 'zeros among the weights: a share, or N:M such as 2:4; saves transfer, not time',
  },
  {
    flags: '--recipe <file>',
    help: 'a recipe as JSON, instead of --bits and what goes with it',
  },
  {
    flags: '--scheme <name>',
    help: 'affine, or pow2: fixed point, every scale a power of two',
  },
  {
    flags: '--activations <n>',
    help: '8: integers compute, also where weights are stored in 4 or 2 bits; 32: floats do',
  },
  { flags: '--weight-only', help: 'the same as --activations 32, as it is below 8 bits anyway' },
  {
    flags: '--block-size <n>',
    help: `weights that share a scale: ${blockSizes.join(', ')}`,
  },
  {
    flags: '--target <name>',
    help: `the kernels to build for: ${Object.keys(targets).join(', ')}`,
  },
];

/** Throws `BAD_ARGUMENT`, and for a file of a recipe `FILE_MISSING` and `RECIPE_INVALID`. */
export async function recipeOf(context: CommandContext): Promise<Recipe> {
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
  const searched = options.bits === undefined && options.targetSpeedup !== undefined;
  const bits = searched ? 8 : Number(required(context, 'bits', widths.join(' or ')));
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
    ...activationsOf(context),
    ...blockSizeOf(context),
    ...keepOf(context),
    ...blocksOf(context, 'blocks'),
    ...blocksOf(context, 'dropped'),
    ...sparsityOf(context),
  };
}

const recipeOptions = [
  'bits',
  'target',
  'scheme',
  'activations',
  'weightOnly',
  'blockSize',
  'keep',
  'blocks',
  'dropped',
  'sparsity',
] as const;

function schemeOf({ options }: CommandContext): Pick<Recipe, 'scheme'> {
  const scheme = text(options.scheme);
  if (scheme === undefined || scheme === 'affine') return {};
  if (scheme === 'pow2') return { scheme };
  throw badArgument('--scheme', { expected: 'affine or pow2', got: scheme });
}

function activationsOf({ options }: CommandContext): Pick<Recipe, 'activations'> {
  const asked = text(options.activations);
  if (options.weightOnly === true) {
    if (asked === undefined || asked === '32') return { activations: 32 };
    throw badArgument('--activations', { expected: '32 with --weight-only', got: asked });
  }
  if (asked === undefined) return {};
  if (asked === '32') return { activations: 32 };
  if (asked === '8') return { activations: 8 };
  throw badArgument('--activations', { expected: '8 or 32', got: asked });
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

function blocksOf(
  { options }: CommandContext,
  name: 'blocks' | 'dropped',
): Pick<Recipe, 'blocks' | 'dropped'> {
  const asked = text(options[name]);
  if (asked === undefined) return {};
  const count = Number(asked);
  if (Number.isInteger(count) && count >= 0 && count <= 1000) return { [name]: count };
  throw badArgument(`--${name}`, { expected: 'a whole number from 0 to 1000', got: asked });
}

function sparsityOf({ options }: CommandContext): Pick<Recipe, 'sparsity'> {
  const asked = text(options.sparsity);
  if (asked === undefined) return {};
  const read = v.safeParse(Sparsity, asked.includes(':') ? asked : Number(asked));
  if (read.success) return { sparsity: read.output };
  throw badArgument('--sparsity', { expected: 'a share from 0 to 0.95, or N:M', got: asked });
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
  const reason = `${path}: ${sentenceOf(Recipe, result.issues, 'it')}`;
  throw new FettleError('RECIPE_INVALID', { reason });
}

export function required({ options }: CommandContext, name: string, expected: string): string {
  const value = text(options[name]);
  if (value === undefined) throw badArgument(`--${name}`, { expected, got: 'nothing' });
  return value;
}

export function badArgument(what: string, details: { expected: string; got: string }): FettleError {
  return new FettleError('BAD_ARGUMENT', { what, ...details });
}

export function text(value: string | boolean | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
