/** Which gates of a rollout can speak at all, wave by wave, and what the silent ones need. */
import * as v from 'valibot';
import { Count, Text } from './fields.ts';
import { gateNames } from './gate-names.ts';

export const WaveOutlook = v.object({
  wave: Count,
  devices: Count,
  /** Of all its devices, in the last minute of their telemetry. */
  requests: Count,
  speak: v.array(v.picklist(gateNames)),
  silent: v.array(v.object({ gate: v.picklist(gateNames), needs: Text })),
});
export type WaveOutlook = v.InferOutput<typeof WaveOutlook>;
