/** What devices send, as documents of their channels. */
import { FettleError } from '../shared/errors.ts';
import { decodeMessage, type Message } from '../shared/protocol/messages.ts';
import { type Address, topicOf } from '../shared/protocol/topics.ts';

export type Queued = { [C in UpChannel]: { channel: C; document: Message<C> } }[UpChannel];
type UpChannel = 'reported' | 'profile' | 'tuning' | 'telemetry' | 'event' | 'presence';

/** Throws `MESSAGE_INVALID`. */
export function decode(address: Address, payload: Uint8Array): Queued {
  const { device, channel } = address;
  const message = decodeChannel(device, channel, payload);
  if (message.document.device === device) return message;
  const reason = `it names device ${message.document.device}`;
  throw new FettleError('MESSAGE_INVALID', { topic: topicOf(address), reason });
}

function decodeChannel(device: string, channel: Address['channel'], payload: Uint8Array): Queued {
  switch (channel) {
    case 'reported':
      return { channel, document: decodeMessage({ device, channel }, payload) };
    case 'profile':
      return { channel, document: decodeMessage({ device, channel }, payload) };
    case 'tuning':
      return { channel, document: decodeMessage({ device, channel }, payload) };
    case 'telemetry':
      return { channel, document: decodeMessage({ device, channel }, payload) };
    case 'event':
      return { channel, document: decodeMessage({ device, channel }, payload) };
    case 'presence':
      return { channel, document: decodeMessage({ device, channel }, payload) };
    default: {
      const reason = 'devices send nothing there';
      throw new FettleError('MESSAGE_INVALID', { topic: topicOf({ device, channel }), reason });
    }
  }
}
