/** What a person can do to a rollout; what cannot be undone asks twice. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import type { RolloutState } from '../../../shared/protocol/states.ts';
import type { RolloutAction } from '../api/client.ts';
import { useTopics, useWorld } from '../state/world.ts';

const offered: Readonly<Record<RolloutState, readonly RolloutAction[]>> = {
  running: ['pause', 'abort', 'rollback'],
  paused: ['resume', 'retry', 'abort', 'rollback'],
  succeeded: ['rollback'],
  failed: ['retry', 'rollback'],
  aborted: ['rollback'],
  'rolled back': [],
  superseded: [],
};

/** Approval is asked for only where a wave waits for it. */
function offeredBy({ state, waitsFor }: RolloutRecord): readonly RolloutAction[] {
  const usual = offered[state];
  return waitsFor === 'approval' ? ['approve', ...usual] : usual;
}

const titles: Readonly<Record<RolloutAction, string>> = {
  pause: 'Pause',
  resume: 'Resume',
  approve: 'Approve',
  retry: 'Retry the failed',
  abort: 'Abort',
  rollback: 'Roll back',
};

/** What a click on an action that asks twice will do. */
const consequences: Readonly<Partial<Record<RolloutAction, string>>> = {
  abort: 'No further device is updated; those that were stay as they are.',
  rollback: 'Every device of this rollout goes back to what it ran before.',
};

export function Actions({ rollout }: { readonly rollout: RolloutRecord }) {
  const { store } = useWorld();
  useTopics('status');
  const status = store.status();
  if (status.state === 'live' && status.role === 'viewer') {
    return (
      <p class="quiet small actions">
        Your token is a viewer’s: an operator can pause or end this.
      </p>
    );
  }
  return <Buttons rollout={rollout} />;
}

function Buttons({ rollout }: { readonly rollout: RolloutRecord }) {
  const { api, store } = useWorld();
  const [asked, setAsked] = useState<RolloutAction | null>(null);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState('');
  const frame = useKeptFocus(asked);
  const act = async (action: RolloutAction) => {
    setBusy(true);
    const answer = await api.act(rollout.id, action);
    setBusy(false);
    setAsked(null);
    setTrouble(answer.ok ? '' : `${answer.fault.message} ${answer.fault.hint}`);
    if (answer.ok) store.apply('rollout', [answer.value]);
  };
  const click = (action: RolloutAction) =>
    consequences[action] === undefined ? void act(action) : setAsked(action);
  const leave = ({ key }: KeyboardEvent) => key === 'Escape' && setAsked(null);
  return (
    <div class="actions" ref={frame}>
      {asked === null ? (
        offeredBy(rollout).map((action) => (
          <button
            key={action}
            type="button"
            class="button"
            data-action={action}
            disabled={busy}
            onClick={() => click(action)}
          >
            {titles[action]}
          </button>
        ))
      ) : (
        <>
          <span>{consequences[asked]}</span>
          <button
            type="button"
            class="button button-danger"
            disabled={busy}
            onClick={() => act(asked)}
            onKeyDown={leave}
          >
            {titles[asked]} now
          </button>
          <button
            type="button"
            class="button"
            data-action="keep"
            disabled={busy}
            onClick={() => setAsked(null)}
            onKeyDown={leave}
          >
            Keep as it is
          </button>
        </>
      )}
      {trouble !== '' && (
        <span class="sign-text-failed" role="alert">
          {trouble}
        </span>
      )}
    </div>
  );
}

/** Buttons take each other's place: the keyboard goes to the harmless one, and back. */
function useKeptFocus(asked: RolloutAction | null) {
  const frame = useRef<HTMLDivElement>(null);
  const before = useRef<RolloutAction | null>(null);
  useEffect(() => {
    const next = asked === null ? before.current : 'keep';
    before.current = asked;
    if (next === null) return;
    frame.current?.querySelector<HTMLElement>(`[data-action="${next}"]`)?.focus();
  }, [asked]);
  return frame;
}
