/** `fettle tune`: the variant and the plan that suit this machine best, found by measuring here. */
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profileDevice } from '../agent/profile/profile.ts';
import { tune } from '../agent/tune/tune.ts';
import { within } from '../agent/tune/within.ts';
import { candidateRecipes } from '../shared/compress/candidates.ts';
import { localVariantSource } from '../shared/compress/local-source.ts';
import { isSource } from '../shared/compress/recipe.ts';
import { digestOfFile } from '../shared/digest.ts';
import { FettleError } from '../shared/errors.ts';
import { loadPackage, type Package } from '../shared/evaluate/package.ts';
import { inspectModel, type Port } from '../shared/onnx/inspect.ts';
import { readModelFile } from '../shared/onnx/read.ts';
import type { ModelGoal } from '../shared/protocol/messages.ts';
import { objectives } from '../shared/protocol/tuning.ts';
import type { VariantSource } from '../shared/variants.ts';
import type { Command, CommandContext } from './command.ts';
import { describeTuning } from './tuning-report.ts';

export const command: Command = {
  args: ['DIR'],
  options: [
    {
      flags: '--budget-seconds <s>',
      help: 'how long it may take, building included',
      default: '60',
    },
    {
      flags: '--objective <name>',
      help: `${objectives.join(', ')}; that of the package if absent`,
    },
    {
      flags: '--max-drop <share>',
      help: 'quality that may be lost; that of the package if absent',
    },
    { flags: '--cores <n>', help: 'use no more than this many cores' },
    { flags: '--memory-mib <n>', help: 'use no more than this much memory' },
    { flags: '--out <file>', help: 'copy the chosen variant here' },
  ],
  async run(context) {
    const { options, io, signal } = context;
    const start = performance.now();
    const budgetSeconds = amount(context, 'budgetSeconds') ?? 60;
    const found = await loadPackage(context.args.DIR ?? '');
    const folder = await mkdtemp(join(tmpdir(), 'fettle-tune-'));
    try {
      const source = soonSource(found, { folder, budgetSeconds });
      const goal = await goalOf(context, found);
      for (const note of found.notes) io.line(note);
      const profile = await profileHere(context);
      const spent = (performance.now() - start) / 1000;
      const tuning = await tune({
        device: profile.device,
        revision: 0,
        goal,
        profile,
        source,
        budgetSeconds: Math.max(1, budgetSeconds - spent),
        countWaiting: true,
        finished: [],
        onTrial: () => {},
        onProgress: (progress) => io.progress(progress),
        signal,
      });
      const { chosen } = tuning;
      if (chosen === null) {
        throw new FettleError('NO_VARIANT_FITS', { reason: tuning.reason ?? 'nothing was chosen' });
      }
      if (typeof options.out === 'string') {
        await copyFile((await source.get(chosen.recipe, { signal })).path, options.out);
      }
      io.result(tuning);
      for (const line of describeTuning(tuning, goal.bytes)) io.line(line);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** Of the budget, for the quality of the source, without which it may be chosen all the same. */
const sourceShare = 0.4;

/** Variants built here; the source comes without its quality where measuring it takes too long. */
function soonSource(
  found: Package,
  { folder, budgetSeconds }: { readonly folder: string; readonly budgetSeconds: number },
): VariantSource {
  const whole = localVariantSource({ package: found, folder });
  const quick = localVariantSource({ package: { ...found, evaluationPath: null }, folder });
  return {
    async get(recipe, options) {
      if (!isSource(recipe)) return await whole.get(recipe, options);
      const { signal } = options;
      try {
        return await within({ seconds: sourceShare * budgetSeconds, signal }, (soon) =>
          whole.get(recipe, { ...options, signal: soon }),
        );
      } catch (thrown) {
        if (!(thrown instanceof Error && thrown.name === 'TimeoutError')) throw thrown;
        return await quick.get(recipe, options);
      }
    },
  };
}

function profileHere(context: CommandContext) {
  const cores = amount(context, 'cores');
  const memoryMiB = amount(context, 'memoryMib');
  return profileDevice({
    device: 'this-machine',
    limits: { ...(cores && { cores }), ...(memoryMiB && { memoryMiB }) },
    probes: false,
    signal: context.signal,
  });
}

/** What the package says, and what the user said instead. */
async function goalOf(context: CommandContext, found: Package): Promise<ModelGoal> {
  const { manifest, modelPath, calibrationPath } = found;
  return {
    name: manifest.name,
    version: 0,
    digest: await digestOfFile(modelPath),
    bytes: (await stat(modelPath)).size,
    ...(await portsOf(modelPath)),
    sourceQuality: null,
    maxDrop: amount(context, 'maxDrop', 0) ?? manifest.quality?.maxDrop ?? defaultMaxDrop,
    objective: objectiveOf(context) ?? manifest.objective ?? 'latency',
    limits: manifest.limits ?? {},
    candidates: candidateRecipes({
      calibration: calibrationPath !== null,
      recipes: manifest.recipes,
    }),
  };
}

/** What goes in and comes out, sizes that vary as −1. */
async function portsOf(path: string): Promise<Pick<ModelGoal, 'inputs' | 'outputs'>> {
  const { inputs, outputs } = inspectModel(await readModelFile(path));
  const infoOf = ({ name, type, dims }: Port) => ({
    ...{ name, type: type ?? 'unknown' },
    shape: (dims ?? []).map((dim) => (typeof dim === 'number' ? dim : -1)),
  });
  return { inputs: inputs.map(infoOf), outputs: outputs.map(infoOf) };
}

/** One point, as for models that are pushed without saying. */
const defaultMaxDrop = 0.01;

function objectiveOf({ options }: CommandContext): ModelGoal['objective'] | null {
  const asked = options.objective;
  if (asked === undefined) return null;
  const known = objectives.find((objective) => objective === asked);
  if (known !== undefined) return known;
  const expected = objectives.join(', ');
  throw new FettleError('BAD_ARGUMENT', { what: '--objective', expected, got: String(asked) });
}

function amount({ options }: CommandContext, name: string, min = Number.MIN_VALUE): number | null {
  const text = options[name];
  if (text === undefined) return null;
  const value = Number(text);
  if (typeof text === 'string' && text !== '' && Number.isFinite(value) && value >= min) {
    return value;
  }
  const what = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const expected = min === 0 ? 'a number' : 'a number above 0';
  throw new FettleError('BAD_ARGUMENT', { what, expected, got: String(text) });
}
