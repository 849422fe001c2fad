/** The states of a device and of a rollout, in the order they are normally passed. */

export const deviceStates = ['idle', 'fetching', 'tuning', 'proving', 'serving', 'failed'] as const;
export type DeviceState = (typeof deviceStates)[number];

export const rolloutStates = ['running', 'paused', 'succeeded', 'failed', 'aborted'] as const;
export type RolloutState = (typeof rolloutStates)[number];

/** Where one device stands within a rollout. */
export const memberStates = ['waiting', 'updating', 'soaking', 'succeeded', 'failed'] as const;
export type MemberState = (typeof memberStates)[number];
