/** What must hold for a rollout to go on: each measured value against its threshold. */
import type { RolloutRecord, Verdict } from '../../../shared/protocol/rollouts.ts';
import { absent, formatCelsius, formatPercent, formatRatio } from '../format/numbers.ts';

export interface GateKind {
  readonly gate: Verdict['gate'];
  readonly against: Verdict['against'];
  readonly title: string;
  /** What is compared with what. */
  readonly help: string;
  /** The threshold is the least, not the most. */
  readonly least: boolean;
  readonly format: (value: number) => string;
}

export interface GateCell {
  readonly state: Verdict['state'];
  readonly value: string;
  readonly threshold: string;
  /** How much of what is allowed is used up, 0 to 1; null without data. */
  readonly used: number | null;
  readonly reason: string;
}

export interface GateLine {
  /** A hardware class; '' is the whole fleet. */
  readonly name: string;
  /** One a kind of gate, in their order; null where there is no such gate. */
  readonly cells: readonly (GateCell | null)[];
}

const percent = (share: number) => formatPercent(share, 1);
const points = (share: number) => `${(share * 100).toFixed(1)}\u202fpoints`;
const drift = (value: number) => value.toFixed(2);

const kinds: readonly GateKind[] = [
  kind('failures', 'control', 'Failed', 'share of the devices that were given it', percentOf),
  kind('latency', 'baseline', 'p95 vs before', "over the device's own before", formatRatio),
  kind('latency', 'control', 'p95 vs others', 'over devices not updated yet', formatRatio),
  kind('errors', 'baseline', 'Errors', 'rise of the share of failed requests', points),
  kind('memory', 'baseline', 'Memory', "over the device's own before", formatRatio),
  kind('temperature', 'limit', 'Hottest', 'the hottest device', formatCelsius),
  least('golden', 'limit', 'Golden', 'golden samples that agree, on the worst device', percent),
  least('outputs', 'baseline', 'Live', 'live requests answered as before', percent),
  kind('outputs', 'limit', 'Output drift', 'from the outputs of the calibration set', drift),
];

/** The kinds of gates that this rollout has, and a line of them for each class. */
export function gateTable({ verdicts }: Pick<RolloutRecord, 'verdicts'>): {
  readonly kinds: readonly GateKind[];
  readonly lines: readonly GateLine[];
} {
  const used = kinds.filter((one) => verdicts.some((verdict) => isOf(one, verdict)));
  const classes = Map.groupBy(
    verdicts.filter((verdict) => used.some((one) => isOf(one, verdict))),
    (verdict) => verdict.class ?? '',
  );
  const lines = [...classes].map(([name, own]): GateLine => {
    const cells = used.map((one) => {
      const verdict = own.find((other) => isOf(one, other));
      return verdict ? cellOf(one, verdict) : null;
    });
    return { name, cells };
  });
  return { kinds: used, lines: lines.sort((a, b) => broken(b) - broken(a)) };
}

/** The sentences of the gates that are breached. */
export function breaches({ verdicts }: Pick<RolloutRecord, 'verdicts'>): readonly string[] {
  return verdicts.filter(({ state }) => state === 'breached').map(({ reason }) => reason);
}

function cellOf({ least, format }: GateKind, verdict: Verdict): GateCell {
  const { state, value, threshold, reason } = verdict;
  const limit = `${least ? '≥' : '≤'}\u202f${format(threshold)}`;
  if (value === null) return { state, value: absent, threshold: limit, used: null, reason };
  const share = least ? (1 - value) / Math.max(1e-9, 1 - threshold) : value / threshold;
  const used = Math.min(1, Math.max(0, share));
  return { state, value: format(value), threshold: limit, used, reason };
}

function isOf({ gate, against }: GateKind, verdict: Verdict): boolean {
  return verdict.gate === gate && verdict.against === against;
}

function broken({ cells }: GateLine): number {
  return cells.filter((cell) => cell?.state === 'breached').length;
}

function percentOf(value: number): string {
  return formatPercent(value / 100, 0);
}

function kind(
  ...[gate, against, title, help, format]: [
    GateKind['gate'],
    GateKind['against'],
    string,
    string,
    GateKind['format'],
  ]
): GateKind {
  return { gate, against, title, help, format, least: false };
}

function least(...texts: Parameters<typeof kind>): GateKind {
  return { ...kind(...texts), least: true };
}
