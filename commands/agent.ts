/** `fettle agent`: the daemon on a device. */
import { resolve } from 'node:path';
import { isLogLevel, jsonLog, type Log, lineLog } from '../agent/log.ts';
import { type AgentInput, agentSettings } from '../agent/settings.ts';
import { keepHeapSmall } from '../agent/small-heap.ts';
import { FettleError } from '../shared/errors.ts';
import type { Command, CommandContext } from './command.ts';

export const command: Command = {
  args: [],
  options: [
    { flags: '--name <name>', help: 'name of this device (default: from the host name)' },
    { flags: '--controller <url>', help: 'address of the controller; kept from the enrolment' },
    { flags: '--token <token>', help: 'enrolment token; needed once' },
    { flags: '--data <folder>', help: 'where its state lies (~/.local/state/fettle/agent)' },
    { flags: '--label <name=value...>', help: 'labels that rollouts select by' },
    {
      flags: '--http-host <host>',
      help: 'address of the inference endpoint',
      default: '127.0.0.1',
    },
    { flags: '--http-port <port>', help: 'port of it; 0 takes a free one', default: '8910' },
    { flags: '--memory-mib <n>', help: 'use no more memory than this, whatever the machine has' },
    { flags: '--cores <n>', help: 'use no more processor cores than this' },
    { flags: '--mqtt-ca <file>', help: 'authority of a broker at mqtts://, in PEM' },
    { flags: '--mqtt-cert <file>', help: 'certificate that this device shows the broker, in PEM' },
    { flags: '--mqtt-key <file>', help: 'its private key, in PEM' },
    {
      flags: '--allow-downtime',
      help: 'where memory is too short for two, stop the old model before the new one is loaded',
    },
    { flags: '--re-enrol', help: 'forget the pinned controller key and enrol anew' },
  ],
  async run({ options, io, signal }) {
    keepHeapSmall();
    const settings = agentSettings(inputOf(options));
    const { device } = settings;
    const log = io.terminal ? lineLog(io.line) : serviceLog(device);
    const { startAgent } = await import('../agent/main.ts');
    const agent = await startAgent({ settings, log, signal });
    log('info', `${device} answers at ${agent.endpoint}`, { endpoint: agent.endpoint });
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    }
    await agent.stop();
    io.result({ device, endpoint: agent.endpoint });
  },
};

function serviceLog(device: string): Log {
  const asked = process.env.FETTLE_LOG ?? '';
  const level = isLogLevel(asked) ? asked : 'info';
  return jsonLog({ base: { device }, level, write: (line) => process.stderr.write(`${line}\n`) });
}

function inputOf(options: CommandContext['options']): AgentInput {
  const { name, controller, token, data, label, httpHost, httpPort, memoryMib, cores } = options;
  const { mqttCa, mqttCert, mqttKey } = options;
  return {
    ...text('device', name),
    ...text('controller', controller),
    ...text('token', token ?? process.env.FETTLE_ENROL_TOKEN),
    ...text('dataFolder', data),
    ...text('httpHost', httpHost),
    ...number('httpPort', '--http-port', httpPort),
    ...number('memoryMiB', '--memory-mib', memoryMib),
    ...number('cores', '--cores', cores),
    labels: labelsOf(Array.isArray(label) ? label : []),
    mqttTls: { ca: path(mqttCa), cert: path(mqttCert), key: path(mqttKey) },
    allowDowntime: options.allowDowntime === true,
    reenrol: options.reEnrol === true,
  };
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
