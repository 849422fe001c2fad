/** One device: what it runs and why, what it tried, how it performs, what it is, what happened. */
import { useState } from 'preact/hooks';
import type { DeviceDetail } from '../../../shared/protocol/api.ts';
import type { Desired } from '../../../shared/protocol/messages.ts';
import type { Tuning } from '../../../shared/protocol/tuning.ts';
import { metricName } from '../format/model.ts';
import { counted } from '../format/numbers.ts';
import { formatAgo, formatSpan } from '../format/time.ts';
import { Badge } from '../parts/glyph.tsx';
import { Notice, Skeleton } from '../parts/notice.tsx';
import { useTitle } from '../parts/use-title.ts';
import { healthOf } from '../state/health.ts';
import { useNow } from '../state/world.ts';
import { Events } from './events.tsx';
import { Facts } from './facts.tsx';
import { Labels } from './labels.tsx';
import { LayersPanel } from './layers-panel.tsx';
import { Performance } from './performance.tsx';
import { TrialsPicture } from './trials-picture.tsx';
import { TrialsTable } from './trials-table.tsx';
import { useDetail } from './use-detail.ts';
import { Why } from './why.tsx';

export function DeviceView({ device }: { readonly device: string }) {
  const { detail, fault } = useDetail(device);
  useTitle(device);
  if (detail === null && fault === null) return <Skeleton rows={5} />;
  if (detail === null) {
    return (
      <Notice
        title={fault?.kind === 'missing' ? `No device is called ${device}` : 'Not to be had now'}
        tone="trouble"
      >
        <p>{fault?.message}</p>
        <p>
          <a href="#/">Back to the fleet</a>
        </p>
      </Notice>
    );
  }
  return (
    <div class="device">
      <Title detail={detail} />
      <Why detail={detail} />
      <Trials tuning={detail.tuning} goal={detail.desired?.model ?? null} />
      <Performance
        device={device}
        windows={detail.windows}
        names={variantNames(detail)}
        meter={detail.profile?.power.meter ?? null}
      />
      <LayersPanel tuning={detail.tuning} />
      <div class="device-pair">
        <section class="panel" aria-label="Events">
          <h2 class="panel-title">Events</h2>
          <Events key={device} detail={detail} />
        </section>
        <section class="panel" aria-label="Profile">
          <h2 class="panel-title">Profile</h2>
          <Facts detail={detail} />
        </section>
      </div>
    </div>
  );
}

/** By digest, as far as the device spoke of them. */
function variantNames({ tuning, reported }: DeviceDetail): Map<string, string> {
  const tried = [...(tuning?.trials ?? []), ...(reported?.serving ? [reported.serving] : [])];
  return new Map(tried.flatMap((one) => (one.variant ? [[one.variant, one.recipeName]] : [])));
}

function Title({ detail }: { readonly detail: DeviceDetail }) {
  const ago = formatAgo(detail.lastSeen, useNow());
  return (
    <header class="title">
      <a class="back" href="#/">
        Fleet
      </a>
      <h1>{detail.device}</h1>
      <Badge sign={healthOf(detail)} />
      <span class="quiet">
        {detail.online ? 'seen' : 'last seen'} {ago === 'now' ? 'just now' : `${ago} ago`}
      </span>
      <Labels detail={detail} />
    </header>
  );
}

interface TrialsProps {
  readonly tuning: Tuning | null;
  readonly goal: Desired['model'];
}

function Trials({ tuning, goal }: TrialsProps) {
  const [active, setActive] = useState<number | null>(null);
  if (tuning === null) return null;
  const metric = tuning.trials.find((trial) => trial.quality !== null)?.quality?.metric;
  return (
    <section class="panel" aria-label="Trials">
      <h2 class="panel-title">
        Trials{' '}
        <span class="quiet plain-weight">
          latency (p50) against {metric === undefined ? 'size' : metricName(metric)};{' '}
          {counted(tuning.trials.length, 'trial')} in {formatSpan(tuning.seconds)}, aiming for{' '}
          {tuning.objective}
        </span>
      </h2>
      <TrialsPicture tuning={tuning} goal={goal} active={active} onActive={setActive} />
      <p class="front-key quiet small" aria-hidden="true">
        <i class="key-chosen" /> chosen <i class="key-front" /> Pareto front (latency, quality,
        size) <i class="key-behind" /> behind it <i class="key-track" /> plans of one variant
      </p>
      <details class="trials-details" open={tuning.trials.length <= 8}>
        <summary>All trials as a table</summary>
        <TrialsTable tuning={tuning} active={active} onActive={setActive} />
      </details>
    </section>
  );
}
