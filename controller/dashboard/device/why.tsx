/** What a device runs and why; and where it does not run what it should, what it waits for. */
import type { DeviceDetail } from '../../../shared/protocol/api.ts';
import type { Serving } from '../../../shared/protocol/messages.ts';
import {
  alikeLabel,
  beforeLabel,
  bitsLabel,
  lossLabel,
  modelVersion,
  planLabel,
  qualityLabel,
  shortDigest,
} from '../format/model.ts';
import { formatBytes, formatMs, formatRatio } from '../format/numbers.ts';
import { formatAgo, formatInstant } from '../format/time.ts';
import { Bar, Meter } from '../parts/meter.tsx';
import { modelHref } from '../state/route.ts';
import { useNow } from '../state/world.ts';

export function Why({ detail }: { readonly detail: DeviceDetail }) {
  const { reported } = detail;
  const serving = reported?.serving ?? null;
  return (
    <section class="panel why" aria-label="What it runs and why">
      {serving === null ? (
        <p class="why-reason">{reported?.reason ?? 'It has not reported yet.'}</p>
      ) : (
        <>
          <h2 class="why-what">
            <a href={modelHref(serving.model, serving.version)}>
              {modelVersion(serving.model, serving.version)}
            </a>{' '}
            as <span class="accent">{serving.recipeName}</span>
          </h2>
          <p class="why-reason">{serving.reason}</p>
          <Proof text={serving.proof ?? detail.tuning?.chosen?.proof ?? null} />
        </>
      )}
      <Underway detail={detail} />
      {serving !== null && <Figures detail={detail} serving={serving} />}
    </section>
  );
}

/** Intervals, the runner-up and what was refused, for who asks. */
function Proof({ text }: { readonly text: string | null }) {
  if (text === null) return null;
  return (
    <details class="missing">
      <summary>What that rests on</summary>
      <p>{text}</p>
    </details>
  );
}

/** Shown while what it runs is not what it should run, or something failed. */
function Underway({ detail }: { readonly detail: DeviceDetail }) {
  const { reported } = detail;
  if (reported === null || (reported.state === 'serving' && !isBehind(detail))) return null;
  const { progress, error } = reported;
  return (
    <div class={error ? 'underway underway-failed' : 'underway'}>
      {isBehind(detail) && (
        <p>
          Revision {detail.desiredRevision} is on its way; the device speaks of revision{' '}
          {reported.revision}.
        </p>
      )}
      {reported.state !== 'serving' && reported.serving !== null && <p>{reported.reason}</p>}
      {progress && (
        <p class="underway-progress">
          <Meter done={progress.done} total={progress.total} label={progress.what} />
          {progress.what}
          <span class="quiet number"> {amount(progress)}</span>
        </p>
      )}
      {error && (
        <p>
          <b class="sign-text-failed">{error.code}</b> {error.message}{' '}
          <span class="quiet">{error.hint}</span>
        </p>
      )}
    </div>
  );
}

interface FiguresProps {
  readonly detail: DeviceDetail;
  readonly serving: Serving;
}

function Figures({ detail, serving }: FiguresProps) {
  const now = useNow();
  const endpoint = detail.reported?.endpoint ?? null;
  const ratio = serving.bytes / Math.max(1, serving.sourceBytes);
  return (
    <dl class="figures">
      <div>
        <dt>Bits</dt>
        <dd>{bitsLabel(serving.recipe)}</dd>
      </div>
      <div>
        <dt>Size</dt>
        <dd>
          {formatBytes(serving.bytes)} <Bar share={ratio} />
          <span class="quiet">
            {' '}
            {formatRatio(ratio)} of {formatBytes(serving.sourceBytes)}
          </span>
        </dd>
      </div>
      <div>
        <dt>Quality against the source</dt>
        <dd>
          {qualityLabel(serving.quality)}
          {serving.quality && <span class="quiet"> {lossLabel(serving.quality)} lost</span>}
        </dd>
      </div>
      <Before detail={detail} serving={serving} />
      <div>
        <dt>Plan</dt>
        <dd>
          {planLabel(serving.plan)} <span class="quiet">{serving.plan.provider}</span>
        </dd>
      </div>
      <div>
        <dt>p50 when chosen</dt>
        <dd class="number">{formatMs(serving.latencyMsP50)}</dd>
      </div>
      <div>
        <dt>Serving for</dt>
        <dd title={formatInstant(serving.since)}>{formatAgo(serving.since, now)}</dd>
      </div>
      <div>
        <dt>Variant</dt>
        <dd>
          <code title={serving.variant}>{shortDigest(serving.variant)}</code>
        </dd>
      </div>
      {endpoint !== null && (
        <div>
          <dt>Endpoint, as the device sees it</dt>
          <dd>
            <code>{endpoint}</code>
          </dd>
        </div>
      )}
    </dl>
  );
}

/** The version before, and what the device itself measured against it before the switch. */
function Before({ detail, serving }: FiguresProps) {
  const { before } = detail;
  const { onGolden, live } = serving;
  return (
    <>
      {before && (
        <div>
          <dt>Against version {before.against}</dt>
          <dd class={before.state === 'falls' ? 'sign-text-failed' : ''}>
            {beforeLabel(before)} <span class="quiet">{before.reason}</span>
          </dd>
        </div>
      )}
      {onGolden && (
        <div>
          <dt>As the variant before, on golden inputs</dt>
          <dd>{alikeLabel(onGolden)}</dd>
        </div>
      )}
      {live && (
        <div>
          <dt>As the variant before, on live requests</dt>
          <dd>{alikeLabel(live)}</dd>
        </div>
      )}
    </>
  );
}

function isBehind({ reported, desiredRevision }: DeviceDetail): boolean {
  return reported !== null && reported.revision < desiredRevision;
}

function amount(progress: { done: number; total: number; unit: string }): string {
  const value = (count: number) => (progress.unit === 'bytes' ? formatBytes(count) : String(count));
  const unit = progress.unit === 'bytes' ? '' : ` ${progress.unit}`;
  return progress.total > 0
    ? `${value(progress.done)} of ${value(progress.total)}${unit}`
    : `${value(progress.done)}${unit}`;
}
