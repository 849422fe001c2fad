/** The telemetry message that the ingest bench sends: one window, its figures spread a little. */
import { emptyHistogram, record } from '../../shared/histogram.ts';
import type { Telemetry } from '../../shared/protocol/messages.ts';
import { windowOf } from '../../test/support/documents.ts';

const requests = 20;

export function loadDocument(device: string, seq: number): Telemetry {
  const latencyMs = emptyHistogram();
  for (let request = 0; request < requests; request += 1) record(latencyMs, 2 + request / 20);
  const window = windowOf(seq, new Date(), 0);
  return {
    ...{ v: 1, device, spool: 'load', dropped: 0 },
    windows: [{ ...window, requests, latencyMs: { ...latencyMs }, temperatureC: 50 }],
  };
}
