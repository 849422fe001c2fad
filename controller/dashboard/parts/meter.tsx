/** Thin bars: how far something is, and how large against the largest. */

interface MeterProps {
  readonly done: number;
  readonly total: number;
  readonly label: string;
}

/** Progress; where the total is unknown it only says that something moves. */
export function Meter({ done, total, label }: MeterProps) {
  const known = total > 0;
  const share = known ? Math.min(1, Math.max(0, done / total)) : 0;
  return (
    <span
      class={known ? 'meter' : 'meter meter-unknown'}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(known ? { 'aria-valuenow': Math.round(share * 100) } : {})}
    >
      <span class="meter-fill" style={{ transform: `scaleX(${known ? share : 0.3})` }} />
    </span>
  );
}

/**
 * A quantity as a bar against the largest one shown; the number beside it says what it is. Null
 * keeps the place free.
 */
export function Bar({ share }: { readonly share: number | null }) {
  const clamped = Math.min(1, Math.max(0, share ?? 0));
  // One element with a painted background: there are two of these in every row of the fleet.
  return (
    <span
      class={share === null ? 'bar bar-none' : 'bar'}
      style={{ backgroundSize: `${clamped * 100}% 100%` }}
      aria-hidden="true"
    />
  );
}
