/** The labels of a device; an operator changes those that people gave it. */
import { useState } from 'preact/hooks';
import type { DeviceDetail } from '../../../shared/protocol/api.ts';
import { fleetHref } from '../state/route.ts';
import { useTopics, useWorld } from '../state/world.ts';
import { givenLabels, labelsText, parseLabels } from './label-text.ts';

export function Labels({ detail }: { readonly detail: DeviceDetail }) {
  const { store } = useWorld();
  useTopics('status');
  const [editing, setEditing] = useState(false);
  const status = store.status();
  const mayEdit = status.state === 'live' && status.role !== 'viewer';
  if (editing && mayEdit) return <LabelForm detail={detail} onDone={() => setEditing(false)} />;
  const labels = Object.entries(detail.labels);
  return (
    <span class="labels">
      {labels.map(([key, value]) => (
        <a
          key={key}
          class="label"
          title={`Devices with ${key}=${value}`}
          href={fleetHref(new URLSearchParams({ q: `${key}=${value}` }))}
        >
          {key}={value}
        </a>
      ))}
      {mayEdit && (
        <button type="button" class="plain label-edit" onClick={() => setEditing(true)}>
          {labels.length === 0 ? 'Add labels' : 'Edit labels'}
        </button>
      )}
    </span>
  );
}

interface FormProps {
  readonly detail: DeviceDetail;
  readonly onDone: () => void;
}

function LabelForm({ detail, onDone }: FormProps) {
  const { api, store } = useWorld();
  const [text, setText] = useState(() => labelsText(givenLabels(detail)));
  const [trouble, setTrouble] = useState('');
  const [busy, setBusy] = useState(false);
  const save = async (event: Event) => {
    event.preventDefault();
    const labels = parseLabels(text);
    if (typeof labels === 'string') return setTrouble(labels);
    setBusy(true);
    const answer = await api.setLabels(detail.device, labels);
    setBusy(false);
    if (!answer.ok) return setTrouble(`${answer.fault.message} ${answer.fault.hint}`);
    store.apply('device', [answer.value]);
    onDone();
  };
  return (
    <form class="labels label-form" onSubmit={save}>
      <input
        aria-label="Labels"
        value={text}
        maxLength={4000}
        placeholder="zone=hall site=kassel"
        autocomplete="off"
        spellcheck={false}
        ref={(field) => field?.focus()}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Escape' && onDone()}
      />
      <button type="submit" class="button" disabled={busy}>
        Save
      </button>
      <button type="button" class="button" disabled={busy} onClick={onDone}>
        Cancel
      </button>
      {trouble !== '' && (
        <span class="sign-text-failed" role="alert">
          {trouble}
        </span>
      )}
    </form>
  );
}
