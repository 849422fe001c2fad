/** `fettle bench`: how fast a model runs here, alone or turn by turn with another one. */
import { FettleError } from '../shared/errors.ts';
import { type BenchFigures, type BenchModel, bench } from '../shared/evaluate/bench.ts';
import { packageOfModel } from '../shared/evaluate/package.ts';
import { formatMs, formatNumber } from '../shared/terminal/units.ts';
import type { Command } from './command.ts';

type OptionValue = string | boolean | string[] | undefined;

export const command: Command = {
  args: ['MODEL.onnx'],
  options: [
    { flags: '--versus <model>', help: 'another model, timed in turns with this one' },
    { flags: '--threads <n>', help: 'threads of one session', default: '1' },
    { flags: '--seconds <s>', help: 'how long to time, at most 3600', default: '5' },
    { flags: '--package <file>', help: 'the fettle.json to use; that beside the model if absent' },
  ],
  async run({ args, options, signal, io }) {
    const threads = numberOf('--threads', options.threads, { whole: true, max: 1024 });
    const seconds = numberOf('--seconds', options.seconds, { whole: false, max: 3600 });
    const manifest = typeof options.package === 'string' ? options.package : undefined;
    const versus = typeof options.versus === 'string' ? options.versus : null;
    const result = await bench({
      model: await modelOf(args['MODEL.onnx'] ?? '', { manifest, threads }),
      versus: versus === null ? null : await modelOf(versus, { manifest, threads }),
      seconds,
      signal,
      onProgress: (progress) => io.progress(progress),
    });
    io.result(result);
    io.line(`this   ${say(result)}`);
    if (result.versus === undefined) return;
    const { ratio, ratioP25, ratioP75 } = result.versus;
    io.line(`other  ${say(result.versus)}`);
    const spread = `${formatNumber(ratioP25)} to ${formatNumber(ratioP75)}`;
    io.line(`${formatNumber(ratio)} times as fast as the other (middle half ${spread})`);
  },
};

async function modelOf(
  path: string,
  { manifest, threads }: { manifest: string | undefined; threads: number },
): Promise<BenchModel> {
  const found = await packageOfModel(path, manifest);
  return {
    modelPath: found.modelPath,
    threads,
    dataPath: found.calibrationPath ?? found.evaluationPath,
    preparation: found.manifest.inputs,
  };
}

function say(figures: BenchFigures): string {
  const { latencyMsP50, latencyMsP95, throughputPerSecond, peakMemoryMiB } = figures;
  const latency = `p50 ${formatMs(latencyMsP50)}, p95 ${formatMs(latencyMsP95)}`;
  const rest = `${formatNumber(throughputPerSecond)}/s, ${formatNumber(peakMemoryMiB)} MiB`;
  return `${latency}, ${rest}`;
}

function numberOf(
  what: string,
  value: OptionValue,
  { whole, max }: { whole: boolean; max: number },
): number {
  const number = Number(value);
  const good = number > 0 && number <= max && (!whole || Number.isInteger(number));
  if (good) return number;
  const expected = `a ${whole ? 'whole ' : ''}number above 0, at most ${max}`;
  throw new FettleError('BAD_ARGUMENT', { what, expected, got: `${value}` });
}
