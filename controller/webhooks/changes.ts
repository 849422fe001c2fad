/** Which changes are told: of a rollout its state, of a device that it fails, serves, is gone. */
import type { WebhookEvent } from '../../shared/protocol/webhooks.ts';
import type { Device } from '../fleet.ts';

export interface Change {
  readonly subject: string;
  readonly state: string;
  /** null where it is not known. */
  readonly before: string | null;
  readonly reason: string;
}

export type Told = (event: WebhookEvent, change: Change) => void;

export interface State {
  readonly state: string;
  readonly reason: string;
}

/** What is told of a device; null on its way from one to the other. */
export function deviceState({ online, reported }: Device): State | null {
  if (!online) return { state: 'offline', reason: 'it is not connected' };
  if (reported?.state !== 'failed' && reported?.state !== 'serving') return null;
  return { state: reported.state, reason: reported.reason };
}

/** Remembers what each thing was, and tells what it became. */
export function createMemory(event: WebhookEvent, told: Told) {
  const states = new Map<string, string>();
  return {
    know(subject: string, state: string): void {
      states.set(subject, state);
    },
    see(subject: string, { state, reason }: State): void {
      const before = states.get(subject) ?? null;
      if (before === state) return;
      states.set(subject, state);
      told(event, { subject, state, before, reason });
    },
  };
}
