/**
 * A device as Home Assistant discovers it: one retained configuration an entity, by the page "MQTT
 * Discovery" of its documentation, `<prefix>/<component>/<node>/<object>/config`. Pure.
 */
import { digestOf } from '../../shared/digest.ts';
import { productVersion } from '../../shared/product.ts';
import type { DeviceSummary } from '../../shared/protocol/api.ts';
import { deviceStates } from '../../shared/protocol/states.ts';
import { type Channel, topicOf } from '../../shared/protocol/topics.ts';

export interface Discovered {
  readonly topic: string;
  readonly config: object;
}

interface Entity {
  readonly name: string;
  /** Where its value is, and how it is taken out of the document there. */
  readonly channel: Channel;
  readonly value: string;
  readonly more: Readonly<Record<string, unknown>>;
}

const measured = (unit: string, more = {}) => ({
  state_class: 'measurement',
  unit_of_measurement: unit,
  ...more,
});

/** By the object's id. What a device does not measure is unknown there. */
const entities = {
  state: {
    name: 'State',
    channel: 'reported',
    value: '{{ value_json.state }}',
    more: { device_class: 'enum', options: [...deviceStates] },
  },
  latency_p95: {
    name: 'Latency p95',
    channel: 'summary',
    value: '{{ value_json.latencyMsP95 }}',
    more: measured('ms', { device_class: 'duration', suggested_display_precision: 1 }),
  },
  throughput: {
    name: 'Throughput',
    channel: 'summary',
    value: '{{ value_json.requestsPerSecond }}',
    more: measured('1/s', { suggested_display_precision: 1 }),
  },
  errors: {
    name: 'Errors in the last minute',
    channel: 'summary',
    value: '{{ value_json.errors }}',
    more: { state_class: 'measurement' },
  },
  temperature: {
    name: 'Temperature',
    channel: 'summary',
    value: '{{ value_json.temperatureC }}',
    more: measured('°C', { device_class: 'temperature', suggested_display_precision: 0 }),
  },
  memory: {
    name: 'Memory',
    channel: 'summary',
    value: '{{ value_json.memoryMiB }}',
    more: measured('MiB', { device_class: 'data_size', suggested_display_precision: 0 }),
  },
} as const satisfies Record<string, Entity>;

/** Every entity of the device. */
export function discoveryOf(device: DeviceSummary, prefix: string): Discovered[] {
  return Object.entries(entities).map(([object, entity]) => ({
    topic: configTopic(device.device, prefix, object),
    config: configOf(device, object, entity),
  }));
}

/** The topics of all its entities, to clear them. */
export function topicsOf(device: string, prefix: string): string[] {
  return Object.keys(entities).map((object) => configTopic(device, prefix, object));
}

function configTopic(device: string, prefix: string, object: string): string {
  return `${prefix}/sensor/${nodeOf(device)}/${object}/config`;
}

/** Ids there are letters, digits, dash and underscore; two names must not become one. */
function nodeOf(device: string): string {
  const plain = device.replaceAll('.', '_');
  return `fettle_${plain === device ? plain : `${plain}_${digestOf(device).slice(7, 13)}`}`;
}

function configOf(
  { device, board, processor, hardwareClass }: DeviceSummary,
  object: string,
  { name, channel, value, more }: Entity,
): object {
  const node = nodeOf(device);
  return {
    name,
    unique_id: `${node}_${object}`,
    state_topic: topicOf({ device, channel }),
    value_template: value,
    availability_topic: topicOf({ device, channel: 'presence' }),
    availability_template: "{{ 'online' if value_json.online else 'offline' }}",
    ...more,
    device: {
      identifiers: [node],
      name: device,
      manufacturer: 'Fettle',
      model: board ?? processor ?? hardwareClass ?? 'device',
    },
    origin: { name: 'Fettle', sw_version: productVersion() },
  };
}
