/** The states of a device and of a rollout, in the order they are normally passed. */

/**
 * `proving`: the variant is being loaded, or answers and has not done so for its soak yet; then
 * `serving` of the report already names it. `serving`: it has answered through its soak, which the
 * device counts and nobody counts again.
 */
export const deviceStates = ['idle', 'fetching', 'tuning', 'proving', 'serving', 'failed'] as const;
export type DeviceState = (typeof deviceStates)[number];

/**
 * Of the agent itself. `trying`: a new one runs and has not proven itself; `current`: this one has;
 * `failed`: the one that was wanted has not, and this one runs on.
 */
export const agentStates = ['current', 'fetching', 'trying', 'failed'] as const;
export type AgentState = (typeof agentStates)[number];

export const rolloutStates = [
  'running',
  'paused',
  'succeeded',
  'failed',
  'aborted',
  'rolled back',
  'superseded',
] as const;
export type RolloutState = (typeof rolloutStates)[number];

/** It takes nobody in any more, whatever comes. */
export function isStopped(state: RolloutState): boolean {
  return state === 'aborted' || state === 'rolled back' || state === 'superseded';
}

export function isEnded(state: RolloutState): boolean {
  return isStopped(state) || state === 'succeeded' || state === 'failed';
}

/** Where one device stands within a rollout; `reverted`: it was given back what it ran before. */
export const memberStates = [
  'waiting',
  'updating',
  'soaking',
  'succeeded',
  'failed',
  'reverted',
] as const;
export type MemberState = (typeof memberStates)[number];
