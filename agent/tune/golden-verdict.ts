/** Whether a variant computes here what it computed where it was built. Pure. */
import type { GoldenResult } from '../../shared/evaluate/golden.ts';

/**
 * Kernels round differently, so answers differ by a step of the last quantization: 30 dB and more.
 * A kernel that saturates, or a variant that breaks here, falls below 12 dB or to other classes.
 */
const limits = { sqnrDbMin: 12, agreementMin: 0.9, sqnrDbSafe: 20 } as const;

/** null where it does; else what differs. */
export function goldenReason({ samples, agreement, sqnrDb }: GoldenResult): string | null {
  const said =
    `of ${samples} golden samples ${Math.round(agreement * 100)} % have the same class, ` +
    `the worst signal-to-noise ratio is ${sqnrDb.toFixed(1)} dB`;
  if (samples === 0) return null;
  if (sqnrDb < limits.sqnrDbMin) return `${said}, at least ${limits.sqnrDbMin} dB are expected`;
  if (agreement < limits.agreementMin && sqnrDb < limits.sqnrDbSafe) {
    return `${said}, at least ${limits.agreementMin * 100} % are expected`;
  }
  return null;
}
