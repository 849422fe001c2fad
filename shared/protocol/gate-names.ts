/** The gates of a rollout, in the order in which they are shown. */
export const gateNames = [
  'failures',
  'latency',
  'errors',
  'memory',
  'temperature',
  'golden',
  'outputs',
] as const;
export type GateName = (typeof gateNames)[number];
