/**
 * The controller's settings: one table, read from flags and from `FETTLE_CONTROLLER_*` variables.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { FettleError } from '../shared/errors.ts';
import { brokerPorts } from '../shared/mqtt-streams.ts';
import { nearest } from '../shared/nearest.ts';
import { productRoot } from '../shared/product.ts';

interface Setting {
  readonly type: 'text' | 'number' | 'path';
  readonly default: string | number | null;
  readonly help: string;
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  /** It is an address with one of these. */
  readonly protocols?: readonly string[];
}

const brokerProtocols = Object.keys(brokerPorts);

/** Why each default is what it is stands in its help or beside it. */
export const settingTable = {
  data: {
    type: 'path',
    default: join(homedir(), '.local/state/fettle/controller'),
    help: 'folder of its state',
  },
  database: {
    type: 'text',
    default: null,
    help: 'a PostgreSQL database instead of a file there, postgres://user:password@host/name',
    protocols: ['postgres:', 'postgresql:'],
  },
  host: text('127.0.0.1', 'address to listen on; 0.0.0.0 lets other machines in'),
  port: number(8900, 'HTTP port; 0 takes a free one', { max: 65_535 }),
  brokerPort: number(1883, 'port of the embedded broker; 0 takes a free one', { max: 65_535 }),
  broker: {
    type: 'text',
    default: null,
    help: 'an external broker instead, mqtt://user:password@host:port; or mqtts, ws, wss',
    protocols: brokerProtocols,
  },
  brokerCa: {
    type: 'path',
    default: null,
    help: 'authority of a broker at mqtts:// or wss://, in PEM',
  },
  brokerCert: { type: 'path', default: null, help: 'certificate shown to that broker, in PEM' },
  brokerKey: { type: 'path', default: null, help: 'its private key, in PEM' },
  deviceBroker: {
    type: 'text',
    default: null,
    help: 'the broker address that devices are told, with credentials where all share them',
    protocols: brokerProtocols,
  },
  otlp: {
    type: 'text',
    default: null,
    help: 'an OpenTelemetry collector, http://host:4318, that is sent metrics and traces',
  },
  homeAssistant: {
    type: 'text',
    default: null,
    help: 'tell Home Assistant of the devices, under its discovery prefix (homeassistant)',
  },
  dashboard: {
    type: 'path',
    default: join(productRoot(), 'dist/dashboard'),
    help: 'folder of the built dashboard',
  },
  // ONNX files end at 2 GiB (the protobuf limit); data sets are as large as that again at most.
  fileMib: number(4096, 'largest file accepted', { unit: 'MiB', min: 1 }),
  // A build uses every core in its calibration runs, so that more at once only cost memory.
  workers: number(1, 'variants built at the same time', { min: 1, max: 16 }),
  workerTimeoutSeconds: number(1800, 'longest build', { unit: 's', min: 1 }),
  workerMemoryMib: number(4096, 'heap of one build', { unit: 'MiB', min: 64 }),
  telemetrySeconds: number(5, 'length of a telemetry window', { unit: 's', min: 1, max: 3600 }),
  retentionHours: number(24, 'how long telemetry windows are kept', { unit: 'h', min: 1 }),
  minutesDays: number(14, 'how long telemetry by the minute is kept', { unit: 'd', min: 1 }),
  hoursDays: number(730, 'how long telemetry by the hour is kept', { unit: 'd', min: 1 }),
  eventsPerDevice: number(200, 'entries of each kind kept in the log of one device', { min: 1 }),
} as const satisfies Record<string, Setting>;

type Table = typeof settingTable;
export type SettingName = keyof Table;
export type Settings = { readonly [Name in SettingName]: Value<Table[Name]> };
type Value<S extends Setting> =
  | (S['type'] extends 'number' ? number : string)
  | (S['default'] extends null ? null : never);

const environmentPrefix = 'FETTLE_CONTROLLER_';
/** Whose certificate of a controller agents and the command line trust. */
const clientsOwn = 'FETTLE_CONTROLLER_CA';

/**
 * The settings from flags (by their names in the table; undefined is not given), then the
 * environment, then the defaults. Throws `BAD_SETTING` for unknown names and for bad values.
 */
export function readSettings(
  flags: Readonly<Record<string, string | number | undefined>>,
  environment: NodeJS.ProcessEnv = {},
): Settings {
  const given = new Map<string, { source: string; value: string | number }>();
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(environmentPrefix) || value === undefined) continue;
    if (variable === clientsOwn) continue;
    given.set(nameOf(variable), { source: variable, value });
  }
  for (const [name, value] of Object.entries(flags)) {
    if (value !== undefined) given.set(name, { source: flagOf(name), value });
  }
  for (const [name, { source }] of given) {
    if (!Object.hasOwn(settingTable, name)) throw unknownSetting(name, source);
  }
  const entries = Object.entries(settingTable).map(([name, row]) => {
    const source = given.get(name);
    return [name, source ? parse(row, source) : row.default];
  });
  return Object.fromEntries(entries);
}

function unknownSetting(name: string, source: string): FettleError {
  const known = Object.keys(settingTable);
  const isVariable = source.startsWith(environmentPrefix);
  const written = isVariable ? variableOf : flagOf;
  const near = nearest(name, known);
  const got = `${source}${near === null ? '' : ` (did you mean ${written(near)}?)`}`;
  const expected = `one of ${known.map(written).join(', ')}`;
  return new FettleError('BAD_SETTING', { setting: source, expected, got });
}

/** `brokerPort` → `FETTLE_CONTROLLER_BROKER_PORT`. */
export function variableOf(name: string): string {
  return `${environmentPrefix}${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;
}

/** `brokerPort` → `--broker-port`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function nameOf(variable: string): string {
  const words = variable.slice(environmentPrefix.length).toLowerCase();
  return words.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function parse(
  row: Setting,
  { source, value }: { source: string; value: string | number },
): string | number {
  if (row.type === 'path') return resolve(String(value));
  if (row.type === 'text') {
    if (row.protocols) checkAddress(source, String(value), row.protocols);
    return String(value);
  }
  const { min = 0, max = Number.MAX_SAFE_INTEGER, unit } = row;
  const parsed = typeof value === 'number' ? value : value.trim() === '' ? NaN : Number(value);
  if (parsed >= min && parsed <= max) return parsed;
  const expected = `a number from ${min} to ${max}${unit ? ` (${unit})` : ''}`;
  throw new FettleError('BAD_SETTING', { setting: source, expected, got: String(value) });
}

/** Throws `BAD_SETTING`; a password is not shown. */
function checkAddress(setting: string, address: string, protocols: readonly string[]): void {
  const [first = ''] = protocols;
  const expected =
    `an address such as ${first}//user:password@host; ` +
    'in a password # is written %23, @ %40, / %2F, ? %3F, : %3A, % %25';
  if (isAddress(address, protocols)) return;
  const got = address.replace(/(^|\/\/).*@/, '$1…@');
  throw new FettleError('BAD_SETTING', { setting, expected, got });
}

function isAddress(address: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, hash, pathname, search, username, password } = new URL(address);
  if (!protocols.includes(protocol) || hash !== '') return false;
  // A database may be reached by a socket of this machine.
  if (hostname === '' && !protocol.startsWith('postgres')) return false;
  // An @ behind the host is the end of a password that held a sign of addresses.
  if (`${pathname}${search}`.includes('@')) return false;
  return [username, password].every((part) => !/%(?![0-9a-f]{2})/i.test(part));
}

function text(value: string, help: string): { type: 'text'; default: string; help: string } {
  return { type: 'text', default: value, help };
}

function number(
  value: number,
  help: string,
  rest: { unit?: string; min?: number; max?: number } = {},
): { type: 'number'; default: number; help: string; unit?: string; min?: number; max?: number } {
  return { type: 'number', default: value, help, ...rest };
}
