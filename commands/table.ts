/**
 * Every command: its name, what it does, one example, and the file that runs it.
 * A name of two words lives in a folder: `rollout start` is `commands/rollout/start.ts`.
 */
import type { Command } from './command.ts';

export interface CommandRow {
  readonly help: string;
  readonly example: string;
  load(): Promise<{ readonly command: Command }>;
}

export const commandTable: Readonly<Record<string, CommandRow>> = {
  inspect: {
    help: 'What an ONNX model is made of, what can be quantized and pruned, what not, and why',
    example: 'fettle inspect examples/digits/model.onnx',
    load: () => import('./inspect.ts'),
  },
  compress: {
    help: 'One variant of a model, offline: canonical float, or 8-bit integers',
    example: 'fettle compress examples/digits/model.onnx --bits 8 --out variant.onnx',
    load: () => import('./compress.ts'),
  },
  evaluate: {
    help: 'How good a model is on a data set, alone or against another model',
    example: 'fettle evaluate variant.onnx --data evaluation.npz --reference model.onnx',
    load: () => import('./evaluate.ts'),
  },
  bench: {
    help: 'How fast a model runs here, alone or in turns with another one',
    example: 'fettle bench variant.onnx --versus model.onnx --threads 1',
    load: () => import('./bench.ts'),
  },
  profile: {
    help: 'This machine as a device: what it has, and what short probes measured',
    example: 'fettle profile --json',
    load: () => import('./profile.ts'),
  },
  tune: {
    help: 'The variant and the plan that suit this machine best, found by measuring here',
    example: 'fettle tune examples/digits --budget-seconds 60',
    load: () => import('./tune.ts'),
  },
  controller: {
    help: 'The daemon: models, variants, devices, rollouts, and an MQTT broker of its own',
    example: 'fettle controller --data ./state --port 8900',
    load: () => import('./controller.ts'),
  },
  agent: {
    help: 'The daemon on a device: fits the model to it, serves it, and reports',
    example: 'fettle agent --controller http://localhost:8900 --token fte_…',
    load: () => import('./agent.ts'),
  },
  login: {
    help: 'Remember a controller and its token for later commands',
    example: 'fettle login http://localhost:8900 --token fta_…',
    load: () => import('./login.ts'),
  },
  devices: {
    help: 'The fleet, one line a device',
    example: 'fettle devices --selector room=lab',
    load: () => import('./devices.ts'),
  },
  'device show': {
    help: 'One device: what it is, what it runs, what its trials measured',
    example: 'fettle device show pi-1',
    load: () => import('./device/show.ts'),
  },
  'device why': {
    help: 'What a device runs and why, and what it waits for',
    example: 'fettle device why pi-1',
    load: () => import('./device/why.ts'),
  },
  'device logs': {
    help: 'What was said about a device',
    example: 'fettle device logs pi-1 --last 20',
    load: () => import('./device/logs.ts'),
  },
  'device token': {
    help: 'A token with which new devices enrol',
    example: 'fettle device token --uses 10',
    load: () => import('./device/token.ts'),
  },
};
