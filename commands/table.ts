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
  up: {
    help: 'A controller and agents on this machine, a model rolled out to them, the dashboard',
    example: 'fettle up --agents 2 --package examples/digits',
    load: () => import('./up.ts'),
  },
  inspect: {
    help: 'What an ONNX model is made of, what can be quantized and pruned, what not, and why',
    example: 'fettle inspect examples/digits/model.onnx',
    load: () => import('./inspect.ts'),
  },
  compress: {
    help: 'One variant of a model, offline: fewer bits, channels or blocks, or canonical float',
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
  bundle: {
    help: 'One file with all that a device needs: Node, the agent and its libraries',
    example: 'fettle bundle --arch arm64',
    load: () => import('./bundle.ts'),
  },
  profile: {
    help: 'This machine as a device: what it has, and what short probes measured',
    example: 'fettle profile --json',
    load: () => import('./profile.ts'),
  },
  doctor: {
    help: 'What works on this device, what does not, and what to do about it',
    example: 'fettle doctor --controller http://server:8900',
    load: () => import('./doctor.ts'),
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
  'controller backup': {
    help: 'The database, every file and the secrets in one folder, checked',
    example: 'fettle controller backup',
    load: () => import('./controller/backup.ts'),
  },
  'controller restore': {
    help: 'A controller’s folder, made from a backup and checked',
    example: 'fettle controller restore ./state/backups/2026-01-01T00-00-00.000Z --data ./restored',
    load: () => import('./controller/restore.ts'),
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
  push: {
    help: 'Bring a package or a bare model to the controller, and wait for its quality',
    example: 'fettle push examples/digits',
    load: () => import('./push.ts'),
  },
  models: {
    help: 'What was pushed; with a name also its variants',
    example: 'fettle models digits',
    load: () => import('./models.ts'),
  },
  'model archive': {
    help: 'Takes a version or a whole model out of the lists; nothing may need it',
    example: 'fettle model archive digits 3',
    load: () => import('./model/archive.ts'),
  },
  'model restore': {
    help: 'Takes a version or a whole model back into the lists',
    example: 'fettle model restore digits 3',
    load: () => import('./model/restore.ts'),
  },
  'model remove': {
    help: 'Removes a version or a whole model with its variants and files; nothing may need it',
    example: 'fettle model remove digits 3',
    load: () => import('./model/remove.ts'),
  },
  'release push': {
    help: 'Bring bundles of the agent to the controller, to be installed and rolled out',
    example: 'fettle release push fettle-0.1.0-linux-arm64.tar.zst fettle-0.1.0-linux-x64.tar.zst',
    load: () => import('./release/push.ts'),
  },
  'release list': {
    help: 'The releases of the agent; rollout start fettle-agent rolls one out',
    example: 'fettle release list',
    load: () => import('./release/list.ts'),
  },
  'release archive': {
    help: 'Takes a release of the agent out of the lists; nothing may need it',
    example: 'fettle release archive 4',
    load: () => import('./release/archive.ts'),
  },
  'release restore': {
    help: 'Takes a release of the agent back into the lists',
    example: 'fettle release restore 4',
    load: () => import('./release/restore.ts'),
  },
  'release remove': {
    help: 'Removes a release of the agent with its bundles; nothing may need it',
    example: 'fettle release remove 4',
    load: () => import('./release/remove.ts'),
  },
  'rollout start': {
    help: 'Roll a model out in waves to the devices that a selector names',
    example: 'fettle rollout start digits --selector room=lab --waves 1,50%,100%',
    load: () => import('./rollout/start.ts'),
  },
  'rollout status': {
    help: 'A rollout and what it waits for, or all of them',
    example: 'fettle rollout status digits-1-3fa2b1 --watch',
    load: () => import('./rollout/status.ts'),
  },
  'rollout pause': {
    help: 'Take no further devices in',
    example: 'fettle rollout pause digits-1-3fa2b1',
    load: () => import('./rollout/pause.ts'),
  },
  'rollout resume': {
    help: 'Go on; failures and breached gates so far are accepted',
    example: 'fettle rollout resume digits-1-3fa2b1',
    load: () => import('./rollout/resume.ts'),
  },
  'rollout approve': {
    help: 'Let the wave begin that waits for approval',
    example: 'fettle rollout approve digits-1-3fa2b1',
    load: () => import('./rollout/approve.ts'),
  },
  'rollout retry': {
    help: 'Try the failed devices anew, and no others',
    example: 'fettle rollout retry digits-1-3fa2b1',
    load: () => import('./rollout/retry.ts'),
  },
  'rollout abort': {
    help: 'End it; devices that have the model keep it',
    example: 'fettle rollout abort digits-1-3fa2b1',
    load: () => import('./rollout/abort.ts'),
  },
  'rollout rollback': {
    help: 'End it; devices get back what they were to run before',
    example: 'fettle rollout rollback digits-1-3fa2b1',
    load: () => import('./rollout/rollback.ts'),
  },
  'rollout archive': {
    help: 'Takes a rollout out of the lists; nothing may need it',
    example: 'fettle rollout archive digits-1-3fa2b1',
    load: () => import('./rollout/archive.ts'),
  },
  'rollout restore': {
    help: 'Takes a rollout back into the lists',
    example: 'fettle rollout restore digits-1-3fa2b1',
    load: () => import('./rollout/restore.ts'),
  },
  'rollout remove': {
    help: 'Removes a rollout; nothing may need it',
    example: 'fettle rollout remove digits-1-3fa2b1',
    load: () => import('./rollout/remove.ts'),
  },
  devices: {
    help: 'The fleet, one line a device',
    example: 'fettle devices --selector room=lab',
    load: () => import('./devices.ts'),
  },
  top: {
    help: 'The fleet on one screen: what needs a person first, then who is busiest',
    example: 'fettle top --selector room=lab',
    load: () => import('./top.ts'),
  },
  'device show': {
    help: 'One device: what it is, what it runs, what its trials measured',
    example: 'fettle device show pi-1',
    load: () => import('./device/show.ts'),
  },
  'device why': {
    help: 'What a device runs and why, what it waits for and since when',
    example: 'fettle device why pi-1',
    load: () => import('./device/why.ts'),
  },
  'device logs': {
    help: 'The log of a device: states, goals, variants, connections, errors',
    example: 'fettle device logs pi-1 --kind error',
    load: () => import('./device/logs.ts'),
  },
  'device label': {
    help: 'Gives a device labels (name=value) and takes them away (name-)',
    example: 'fettle device label pi-1 room=lab stage-',
    load: () => import('./device/label.ts'),
  },
  'device set': {
    help: 'Sets how often a device sends telemetry',
    example: 'fettle device set pi-1 --telemetry-seconds 60',
    load: () => import('./device/set.ts'),
  },
  'device remove': {
    help: 'Takes a device out of the fleet and deletes what was measured on it',
    example: 'fettle device remove pi-1',
    load: () => import('./device/remove.ts'),
  },
  'device token': {
    help: 'A token with which new devices enrol',
    example: 'fettle device token --uses 10',
    load: () => import('./device/token.ts'),
  },
  'token create': {
    help: 'A token for a person or a program: viewer, operator or admin',
    example: 'fettle token create ana --role operator',
    load: () => import('./token/create.ts'),
  },
  'token list': {
    help: 'Who may ask, and what',
    example: 'fettle token list',
    load: () => import('./token/list.ts'),
  },
  'token revoke': {
    help: 'Make a token void',
    example: 'fettle token revoke ana',
    load: () => import('./token/revoke.ts'),
  },
  'webhook create': {
    help: 'An address that is told when a rollout or a device changes its state',
    example: 'fettle webhook create chat https://example.org/hook --events rollout',
    load: () => import('./webhook/create.ts'),
  },
  'webhook list': {
    help: 'Who is told what happens, and whether they listen',
    example: 'fettle webhook list',
    load: () => import('./webhook/list.ts'),
  },
  'webhook remove': {
    help: 'Tell an address nothing any more',
    example: 'fettle webhook remove chat',
    load: () => import('./webhook/remove.ts'),
  },
  audit: {
    help: 'Who changed what; with --verify, whether that log is whole',
    example: 'fettle audit --last 20',
    load: () => import('./audit.ts'),
  },
  completion: {
    help: 'A script for bash, zsh or fish that completes commands, options and names',
    example: 'fettle completion bash > ~/.local/share/bash-completion/completions/fettle',
    load: () => import('./completion.ts'),
  },
};

/** The longest name of the table that the words begin with. */
export function commandName([first, second]: readonly string[]): string | null {
  const names = [`${first} ${second}`, `${first}`];
  return names.find((name) => Object.hasOwn(commandTable, name)) ?? null;
}
