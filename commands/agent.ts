/** `fettle agent`: the daemon on a device. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isLogLevel, jsonLog, type Log, lineLog } from '../agent/log.ts';
import { tellServiceManager } from '../agent/service.ts';
import { type AgentInput, type AgentSettings, agentSettings } from '../agent/settings.ts';
import { collectAfterStart, keepHeapSmall } from '../agent/small-heap.ts';
import { FettleError } from '../shared/errors.ts';
import { runtimePathVariable } from '../shared/evaluate/own-runtime.ts';
import { didYouMean } from '../shared/nearest.ts';
import { trustAlso } from '../shared/trust.ts';
import type { Command, CommandContext, Option } from './command.ts';
import { controllerCaOption } from './controller-ca.ts';

export const command: Command = {
  args: [],
  options: [
    { flags: '--name <name>', help: 'name of this device (default: from the host name)' },
    { flags: '--controller <url>', help: 'address of the controller; kept from the enrolment' },
    { flags: '--token <token>', help: 'enrolment token; needed once' },
    { flags: '--data <folder>', help: 'where its state lies (~/.local/state/fettle/agent)' },
    { flags: '--label <name=value...>', help: 'labels that rollouts select by' },
    { flags: '--http-host <host>', help: 'address of the inference endpoint (127.0.0.1)' },
    { flags: '--http-port <port>', help: 'port of it; 0 takes a free one (8910)' },
    { flags: '--memory-mib <n>', help: 'use no more memory than this, whatever the machine has' },
    { flags: '--cores <n>', help: 'use no more processor cores than this' },
    controllerCaOption,
    { flags: '--mqtt-ca <file>', help: 'authority of a broker at mqtts:// or wss://, in PEM' },
    { flags: '--mqtt-cert <file>', help: 'certificate that this device shows the broker, in PEM' },
    { flags: '--mqtt-key <file>', help: 'its private key, in PEM' },
    {
      flags: '--stop-seconds <n>',
      help: 'at the end, answer what is under way for so long, then refuse it (15)',
    },
    {
      flags: '--allow-downtime',
      help: 'where memory is too short for two, stop the old model before the new one is loaded',
    },
    {
      flags: '--otlp <url>',
      help: 'an OpenTelemetry collector, http://host:4318, that is sent metrics and traces',
    },
    {
      flags: '--runtime-path <folder>',
      help: 'a build of onnxruntime-node of your own, with CUDA or TensorRT say',
    },
    { flags: '--re-enrol', help: 'forget the pinned controller key and enrol anew' },
    { flags: '--enrol-only', help: 'enrol if need be, and end' },
    { flags: '--check', help: 'see that the native libraries load here, and end' },
  ],
  async run(context) {
    if (context.options.check === true) return await check(context);
    keepHeapSmall();
    const options = { ...fromEnvironment(process.env), ...context.options };
    const settings = agentSettings(inputOf(options));
    const { runtimePath, controllerCa } = settings;
    if (controllerCa !== null) trustAlso(controllerCa);
    // Trials and threads that serve inherit it.
    if (runtimePath !== null) process.env[runtimePathVariable] = runtimePath;
    if (options.enrolOnly === true) return await enrolOnly(settings, context);
    await serve(settings, context);
  },
};

/** Somebody waits for it to end. */
const enrolAttemptsMax = 4;

async function serve(settings: AgentSettings, { io, signal }: CommandContext): Promise<void> {
  const log = io.terminal ? lineLog(io.line) : serviceLog(await nameOf(settings));
  const { startAgent } = await import('../agent/main.ts');
  const ending = new AbortController();
  signal.addEventListener('abort', () => ending.abort(), { once: true });
  const onRestart = () => ending.abort();
  const agent = await startAgent({ settings, log, signal, onRestart });
  const { device } = agent;
  log('info', `${device} answers at ${agent.endpoint}`, { endpoint: agent.endpoint });
  collectAfterStart();
  const silence = tellServiceManager(process.env, log);
  if (!signal.aborted && !ending.signal.aborted) await once(ending.signal, 'abort');
  silence();
  await agent.stop();
  io.result({ device, endpoint: agent.endpoint });
}

/** As which this folder is enrolled; before that, as it will ask. */
async function nameOf({ named, device, dataFolder }: AgentSettings): Promise<string> {
  const { knownIdentity } = await import('../agent/enrol.ts');
  return named ? device : ((await knownIdentity(dataFolder))?.device ?? device);
}

async function enrolOnly(settings: AgentSettings, { io, signal }: CommandContext): Promise<void> {
  const { awaitIdentity } = await import('../agent/enrol.ts');
  const { device, controller, labels } = await awaitIdentity(settings, signal, {
    attemptsMax: enrolAttemptsMax,
    onWait: (thrown) => io.line(`${thrown.message}; it is asked again`),
  });
  const name = settings.named || device === settings.device ? '' : `, not as ${settings.device}`;
  io.line(`${device} is enrolled with ${controller}${name}`);
  const own = Object.entries(settings.labels).filter(([label, value]) => labels?.[label] !== value);
  for (const [label, value] of labels ? own : []) {
    const there = labels?.[label] ?? 'nothing';
    io.line(
      `label ${label} is ${there} there, as a person set it, where this device says ${value}`,
    );
  }
  io.result({ device, controller, labels: labels ?? {} });
}

/** The two libraries in machine code that an agent needs: each is loaded and used. */
async function check({ io }: CommandContext): Promise<void> {
  const { openStore } = await import('../agent/store.ts');
  const folder = await mkdtemp(join(tmpdir(), 'fettle-check-'));
  try {
    openStore(folder).close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await import('../shared/evaluate/runtime.ts');
  const { readRuntimeVersion } = await import('../agent/profile/runtime-version.ts');
  const version = await readRuntimeVersion();
  io.line(`ONNX Runtime ${version} and SQLite load here`);
  io.result({ runtime: version });
}

/** Options as a service is given them: `FETTLE_AGENT_HTTP_PORT` is `--http-port`. */
function fromEnvironment(env: NodeJS.ProcessEnv): CommandContext['options'] {
  const known = new Map(command.options.map((option) => [variableOf(option), option]));
  const given = new Map<string, string | boolean | string[]>();
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || !value) continue;
    const option = known.get(variable);
    if (!option) throw unknownVariable(variable, [...known.keys()]);
    const words = variable.slice(prefix.length).toLowerCase();
    const name = words.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!option.flags.includes('<')) given.set(name, switchOf(variable, value));
    else given.set(name, name === 'label' ? value.split(',') : value);
  }
  return Object.fromEntries(given);
}

const prefix = 'FETTLE_AGENT_';

function variableOf({ flags }: Option): string {
  const [flag = ''] = flags.split(' ');
  return `${prefix}${flag.slice(2).replaceAll('-', '_').toUpperCase()}`;
}

function unknownVariable(setting: string, known: readonly string[]): FettleError {
  const got = `${setting}${didYouMean(setting, known)}`;
  return new FettleError('BAD_SETTING', { setting, expected: `one of ${known.join(', ')}`, got });
}

function switchOf(setting: string, value: string): boolean {
  if (/^(1|true|yes|on)$/i.test(value)) return true;
  if (/^(0|false|no|off)$/i.test(value)) return false;
  throw new FettleError('BAD_SETTING', { setting, expected: 'true or false', got: value });
}

function serviceLog(device: string): Log {
  const asked = process.env.FETTLE_LOG ?? '';
  const level = isLogLevel(asked) ? asked : 'info';
  return jsonLog({ base: { device }, level, write: (line) => process.stderr.write(`${line}\n`) });
}

function inputOf(options: CommandContext['options']): AgentInput {
  const { name, controller, token, data, label, httpHost, httpPort, memoryMib, cores } = options;
  const { mqttCa, mqttCert, mqttKey, otlp } = options;
  return {
    ...text('device', name),
    ...text('controller', controller),
    ...text('token', token ?? process.env.FETTLE_ENROL_TOKEN),
    ...text('dataFolder', data),
    ...text('httpHost', httpHost),
    ...text('otlp', otlp),
    ...number('httpPort', '--http-port', httpPort),
    ...number('memoryMiB', '--memory-mib', memoryMib),
    ...number('cores', '--cores', cores),
    ...number('stopSeconds', '--stop-seconds', options.stopSeconds),
    labels: labelsOf(Array.isArray(label) ? label : []),
    mqttTls: { ca: path(mqttCa), cert: path(mqttCert), key: path(mqttKey) },
    ...text('controllerCa', path(options.controllerCa ?? caOfEnvironment()) ?? undefined),
    ...text('runtimePath', path(options.runtimePath) ?? undefined),
    allowDowntime: options.allowDowntime === true,
    reenrol: options.reEnrol === true,
  };
}

function caOfEnvironment(): string | undefined {
  return process.env.FETTLE_CONTROLLER_CA || undefined;
}

type Given = CommandContext['options'][string];

function path(value: Given): string | null {
  return typeof value === 'string' ? resolve(value) : null;
}

function text<K extends string>(key: K, value: Given): { [P in K]?: string } {
  return typeof value === 'string' ? record(key, value) : {};
}

function number<K extends string>(key: K, setting: string, value: Given): { [P in K]?: number } {
  if (typeof value !== 'string') return {};
  const parsed = Number(value);
  if (value.trim() !== '' && Number.isFinite(parsed)) return record(key, parsed);
  throw new FettleError('BAD_SETTING', { setting, expected: 'a number', got: value });
}

function record<K extends string, V>(key: K, value: V): { [P in K]?: V } {
  const made: { [P in K]?: V } = {};
  made[key] = value;
  return made;
}

function labelsOf(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => {
      const [name = '', ...value] = label.split('=');
      if (value.length > 0) return [name, value.join('=')];
      throw new FettleError('BAD_SETTING', {
        setting: '--label',
        expected: 'name=value',
        got: label,
      });
    }),
  );
}
