/** What a step is given, and the table that says which file does which step. */
import type { Digest } from '../../shared/digest.ts';
import type { Desired } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import type { DeviceState } from '../../shared/protocol/states.ts';
import type { Progress } from '../../shared/variants.ts';
import type { Identity } from '../enrol.ts';
import type { Files } from '../files.ts';
import type { Journal } from '../journal.ts';
import type { Log } from '../log.ts';
import type { StepName } from '../plan.ts';
import type { Server } from '../serve/server.ts';
import type { AgentSettings } from '../settings.ts';
import type { Store } from '../store.ts';

export interface StepContext {
  readonly settings: AgentSettings;
  readonly identity: Identity;
  readonly store: Store;
  readonly journal: Journal;
  readonly files: Files;
  readonly server: Server;
  readonly profile: Profile;
  /** What should be, when the step was planned; null only for `restore`. */
  readonly desired: Desired | null;
  readonly goalKey: Digest | null;
  /** Aborted by a newer revision, and by the end of the agent. */
  readonly signal: AbortSignal;
  readonly log: Log;
  status(state: DeviceState, reason: string, progress?: Progress): void;
  event(level: 'info' | 'warn' | 'error', code: string, message: string): void;
  /** There is a tuning to send. */
  tuned(): void;
  /** The threads of a pool died so often that it gave up. */
  crashed(key: Digest, times: number): void;
}

export type Step = (context: StepContext) => Promise<void>;

/** Loaded when first needed: an idle agent needs none of them. */
export const steps: Readonly<Record<StepName, () => Promise<Step>>> = {
  restore: async () => (await import('./restore.ts')).restore,
  retire: async () => (await import('./retire.ts')).retire,
  tune: async () => (await import('./tune.ts')).tuneForGoal,
  fetch: async () => (await import('./fetch.ts')).fetchChosen,
  prove: async () => (await import('./prove.ts')).prove,
  soak: async () => (await import('./soak.ts')).soak,
};
