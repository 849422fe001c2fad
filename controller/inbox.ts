/** What one device sent within a batch. */
import type { Reported, Telemetry } from '../shared/protocol/messages.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import type { Tuning } from '../shared/protocol/tuning.ts';
import type { ArrivedEvent } from './heard-events.ts';
import type { Queued } from './inbound.ts';

export interface Inbox {
  reported: Reported | null;
  profile: Profile | null;
  tunings: Tuning[];
  telemetry: Telemetry[];
  events: ArrivedEvent[];
}

/** A message with the device whose account it came over. */
export interface Sent {
  readonly device: string;
  readonly message: Queued;
  readonly arrivedMs: number;
}

const eventsMax = 50;

/** By device. */
export function sortOut(messages: readonly Sent[]): Map<string, Inbox> {
  const inboxes = new Map<string, Inbox>();
  for (const { device, message, arrivedMs } of messages) {
    const inbox = inboxes.get(device) ?? emptyInbox();
    inboxes.set(device, inbox);
    switch (message.channel) {
      case 'reported':
        if (message.document.seq >= (inbox.reported?.seq ?? 0)) inbox.reported = message.document;
        break;
      case 'profile':
        inbox.profile = message.document;
        break;
      case 'tuning':
        inbox.tunings.push(message.document);
        break;
      case 'telemetry':
        inbox.telemetry.push(message.document);
        break;
      case 'event':
        if (inbox.events.length < eventsMax) {
          inbox.events.push({ ...message.document, arrivedMs });
        }
        break;
      case 'presence':
        break;
    }
  }
  return inboxes;
}

function emptyInbox(): Inbox {
  return { reported: null, profile: null, tunings: [], telemetry: [], events: [] };
}
