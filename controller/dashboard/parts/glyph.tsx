/** A state as a shape, so that it is told apart without its colour. */
import type { VNode } from 'preact';
import type { MemberState, RolloutState } from '../../../shared/protocol/states.ts';
import type { Health } from '../state/health.ts';

export type Sign =
  | Health
  | MemberState
  | RolloutState
  | 'measuring'
  | 'ready'
  | 'queued'
  | 'building';

type Shape = 'disc' | 'ring' | 'half' | 'arrow' | 'target' | 'diamond' | 'slash' | 'bars';

const shapes: Readonly<Record<Sign, Shape>> = {
  serving: 'disc',
  succeeded: 'disc',
  ready: 'disc',
  idle: 'ring',
  waiting: 'ring',
  queued: 'ring',
  tuning: 'half',
  building: 'half',
  measuring: 'half',
  running: 'half',
  updating: 'half',
  fetching: 'arrow',
  proving: 'target',
  soaking: 'target',
  failed: 'diamond',
  aborted: 'slash',
  'rolled back': 'slash',
  superseded: 'slash',
  reverted: 'slash',
  offline: 'slash',
  paused: 'bars',
};

const drawings: Readonly<Record<Shape, VNode>> = {
  disc: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  ring: <circle cx="6" cy="6" r="3.75" fill="none" stroke="currentColor" stroke-width="1.5" />,
  half: (
    <g fill="none" stroke="currentColor" stroke-width="1.5">
      <circle cx="6" cy="6" r="3.75" />
      <path d="M6 2.25a3.75 3.75 0 0 1 0 7.5z" fill="currentColor" />
    </g>
  ),
  arrow: (
    <path
      d="M6 1.5v7M2.75 5.75 6 9l3.25-3.25M2 11h8"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
    />
  ),
  target: (
    <g>
      <circle cx="6" cy="6" r="3.75" fill="none" stroke="currentColor" stroke-width="1.5" />
      <circle cx="6" cy="6" r="1.6" fill="currentColor" />
    </g>
  ),
  diamond: <path d="M6 .75 11.25 6 6 11.25.75 6z" fill="currentColor" />,
  slash: (
    <g fill="none" stroke="currentColor" stroke-width="1.5">
      <circle cx="6" cy="6" r="3.75" />
      <path d="m3.4 8.6 5.2-5.2" />
    </g>
  ),
  bars: <path d="M2.5 2h2.5v8H2.5zM7 2h2.5v8H7z" fill="currentColor" />,
};

export function Glyph({ sign }: { readonly sign: Sign }) {
  return (
    <svg class="glyph" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {drawings[shapes[sign]]}
    </svg>
  );
}

/** The shape with its word, in its colour. */
export function Badge({ sign, word }: { readonly sign: Sign; readonly word?: string }) {
  return (
    <span class={`badge sign-${sign.replace(' ', '-')}`}>
      <Glyph sign={sign} />
      {word ?? sign}
    </span>
  );
}
