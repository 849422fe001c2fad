/** How a device performs: live over its last windows, or over a day or a month. */
import { useEffect, useState } from 'preact/hooks';
import type { Window } from '../../../shared/protocol/messages.ts';
import { useWorld } from '../state/world.ts';
import { Charts } from './charts.tsx';

const ranges = {
  live: { title: '15 min', seconds: 0 },
  day: { title: '24 h', seconds: 86_400 },
  month: { title: '30 days', seconds: 30 * 86_400 },
} as const;
type Range = keyof typeof ranges;

/** Longer stretches move slowly: they are fetched again this often. */
const refetchMs = 60_000;

interface Props {
  readonly device: string;
  /** The last windows, kept live by the page. */
  readonly windows: readonly Window[];
  readonly names: ReadonlyMap<string, string>;
  readonly meter: string | null;
}

export function Performance({ device, windows, names, meter }: Props) {
  const [range, setRange] = useState<Range>('live');
  return (
    <section class="panel" aria-label="Performance">
      <div class="panel-head">
        <h2 class="panel-title">Performance</h2>
        <RangeButtons range={range} onRange={setRange} />
      </div>
      {range === 'live' ? (
        <Charts windows={windows} names={names} meter={meter} />
      ) : (
        <Past device={device} names={names} meter={meter} seconds={ranges[range].seconds} />
      )}
    </section>
  );
}

interface RangeProps {
  readonly range: Range;
  readonly onRange: (range: Range) => void;
}

function RangeButtons({ range, onRange }: RangeProps) {
  return (
    <div class="segments">
      {Object.entries(ranges).map(([name, { title }]) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === range}
          onClick={() => isRange(name) && onRange(name)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

interface PastProps extends Omit<Props, 'windows'> {
  readonly seconds: number;
}

function Past({ device, names, meter, seconds }: PastProps) {
  const { api } = useWorld();
  const [windows, setWindows] = useState<readonly Window[] | null>(null);
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    let gone = false;
    setWindows(null);
    const fetchNow = async () => {
      const answer = await api.telemetry(device, new Date(Date.now() - seconds * 1000));
      if (gone) return;
      if (answer.ok) setWindows(answer.value.windows);
      setTrouble(answer.ok ? '' : answer.fault.message);
    };
    void fetchNow();
    const timer = setInterval(fetchNow, refetchMs);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [api, device, seconds]);
  if (windows !== null) return <Charts windows={windows} names={names} meter={meter} />;
  return <p class="quiet">{trouble === '' ? 'Fetching …' : trouble}</p>;
}

function isRange(name: string): name is Range {
  return Object.hasOwn(ranges, name);
}
