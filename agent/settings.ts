/**
 * What an agent is told at its start; everything else it learns from its device and its controller.
 */
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { FettleError } from '../shared/errors.ts';
import { ownRuntime, runtimePathVariable } from '../shared/evaluate/own-runtime.ts';
import type { TlsFiles } from '../shared/mqtt-streams.ts';
import { isName } from '../shared/protocol/topics.ts';

export interface AgentSettings {
  /** The name that was given, else the host name's; the name of the enrolment once there is one. */
  readonly device: string;
  /** Whether the name was given: no other will do. */
  readonly named: boolean;
  /** The controller's address, `http://host:port`. Known from the enrolment when null. */
  readonly controller: string | null;
  /** A file with the authority of its certificate, beside the usual ones, in PEM. */
  readonly controllerCa: string | null;
  /** Enrolment token; needed once. */
  readonly token: string | null;
  readonly dataFolder: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly httpHost: string;
  /** 0 takes a free port. */
  readonly httpPort: number;
  /** What serving and trials may take together; null is what the machine has. */
  readonly memoryMiB: number | null;
  /** Processor cores that trials and serving may use; null is all that this process may run on. */
  readonly cores: number | null;
  /** For a broker over TLS with an authority of its own: files in PEM. */
  readonly mqttTls: TlsFiles;
  /** At the end requests under way are answered for so long; then they are refused. */
  readonly stopSeconds: number;
  /** Where memory is too short for two, stop what serves before the next one is loaded. */
  readonly allowDowntime: boolean;
  /** An OpenTelemetry collector, `http://host:4318`; null tells nobody. */
  readonly otlp: string | null;
  /** A build of the runtime instead of the installed one: a folder; null is the installed one. */
  readonly runtimePath: string | null;
  /** Forget the pinned controller key and enrol anew. */
  readonly reenrol: boolean;
}

export type AgentInput = Partial<{
  -readonly [S in Exclude<keyof AgentSettings, 'named'>]: AgentSettings[S];
}>;

/** The service manager waits a little longer: see `deploy/device/fettle-agent.service`. */
export const stopSecondsMax = 60;

/** Settings with their defaults filled in. Throws `BAD_SETTING`, `BAD_NAME`, `RUNTIME_UNFIT`. */
export function agentSettings(input: AgentInput): AgentSettings {
  const settings = {
    device: input.device ?? deviceNameOf(hostname()),
    named: input.device !== undefined,
    controller: input.controller ?? null,
    controllerCa: input.controllerCa ?? null,
    token: input.token ?? null,
    dataFolder: input.dataFolder ?? join(homedir(), '.local', 'state', 'fettle', 'agent'),
    labels: input.labels ?? {},
    httpHost: input.httpHost ?? '127.0.0.1',
    httpPort: input.httpPort ?? 8910,
    memoryMiB: input.memoryMiB ?? null,
    cores: input.cores ?? null,
    mqttTls: input.mqttTls ?? { ca: null, cert: null, key: null },
    stopSeconds: input.stopSeconds ?? 15,
    allowDowntime: input.allowDowntime ?? false,
    otlp: input.otlp ?? null,
    runtimePath: input.runtimePath ?? process.env[runtimePathVariable] ?? null,
    reenrol: input.reenrol ?? false,
  };
  if (!isName(settings.device)) {
    throw new FettleError('BAD_NAME', { what: 'device', got: settings.device });
  }
  checkAddress('--controller', settings.controller, 'http://controller.local:8900');
  checkAddress('--otlp', settings.otlp, 'http://collector.local:4318');
  checkRange('--http-port', settings.httpPort, { min: 0, max: 65_535 });
  checkRange('--memory-mib', settings.memoryMiB, { min: 16, max: 1 << 24 });
  checkRange('--cores', settings.cores, { min: 1, max: 4096 });
  checkRange('--stop-seconds', settings.stopSeconds, { min: 0, max: stopSecondsMax });
  checkLabels(settings.labels);
  ownRuntime(settings.runtimePath ?? '');
  return settings;
}

/** A host name as a device name: lower case, anything else than `a-z 0-9 . _ -` a dash. */
export function deviceNameOf(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/[^a-z0-9._-]+|\.{2,}/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 64);
  return isName(name) ? name : 'device';
}

function checkAddress(setting: string, address: string | null, example: string): void {
  if (address === null) return;
  const protocol = URL.canParse(address) ? new URL(address).protocol : '';
  if (protocol === 'http:' || protocol === 'https:') return;
  const expected = `an address such as ${example}`;
  throw new FettleError('BAD_SETTING', { setting, expected, got: address });
}

function checkRange(
  setting: string,
  value: number | null,
  { min, max }: { min: number; max: number },
): void {
  if (value === null || (Number.isInteger(value) && value >= min && value <= max)) return;
  const expected = `a whole number from ${min} to ${max}`;
  throw new FettleError('BAD_SETTING', { setting, expected, got: String(value) });
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(labels)) {
    if (isName(name) && value.length <= 64) continue;
    const expected = 'name=value, the name of lower-case letters, digits, dot, dash, underscore';
    throw new FettleError('BAD_SETTING', {
      setting: '--label',
      expected,
      got: `${name}=${value}`,
    });
  }
}
