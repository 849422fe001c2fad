/** The MQTT topics as a type: `fettle/v1/{device}/{channel}`, formatted and parsed in one place. */

export const channels = {
  desired: 'down',
  release: 'down',
  ack: 'down',
  infer: 'down',
  summary: 'down',
  reported: 'up',
  profile: 'up',
  tuning: 'up',
  telemetry: 'up',
  event: 'up',
  presence: 'up',
  inferred: 'up',
} as const satisfies Record<string, 'up' | 'down'>;

export type Channel = keyof typeof channels;

export interface Address {
  readonly device: string;
  readonly channel: Channel;
}

const prefix = 'fettle/v1';

/** Channels that a broker keeps for who subscribes later. */
export const retainedChannels: readonly Channel[] = [
  'desired',
  'release',
  'reported',
  'profile',
  'presence',
  'summary',
];

export function topicOf(address: Address): string {
  return `${prefix}/${address.device}/${address.channel}`;
}

/** The address a topic names, or null where it is none of ours. */
export function parseTopic(topic: string): Address | null {
  const [product, version, device, channel, ...rest] = topic.split('/');
  if (`${product}/${version}` !== prefix || rest.length > 0) return null;
  if (device === undefined || !isName(device)) return null;
  return channel !== undefined && isChannel(channel) ? { device, channel } : null;
}

/** The subscription that catches one channel of every device. */
export function topicOfAll(channel: Channel): string {
  return `${prefix}/+/${channel}`;
}

/**
 * Devices, models and label values: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
 */
export const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export function isName(text: string): boolean {
  return namePattern.test(text) && !text.includes('..');
}

export function isChannel(text: string): text is Channel {
  return Object.hasOwn(channels, text);
}
