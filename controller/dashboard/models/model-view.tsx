/**
 * One version of a model: what it is, its variants as a picture and a table, and what each class
 * runs.
 */
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { ModelRecord, VariantRecord } from '../../../shared/protocol/api.ts';
import { lossText, metricName, metricValue, modelVersion, qualityLabel } from '../format/model.ts';
import { counted, formatBytes, formatMs, shortTick } from '../format/numbers.ts';
import { ComparisonList } from '../parts/comparison-list.tsx';
import { FrontPicture } from '../parts/front-picture.tsx';
import { Notice, Skeleton } from '../parts/notice.tsx';
import { useTitle } from '../parts/use-title.ts';
import { modelKey } from '../state/store.ts';
import { useTopics, useWorld } from '../state/world.ts';
import { ClassUses } from './class-uses.tsx';
import { ModelState, parametersLabel } from './models-view.tsx';
import { type Usage, usageOf } from './usage.ts';
import { useComparisons } from './use-comparisons.ts';
import { useVariants } from './use-variants.ts';
import { variantPoints } from './variant-points.ts';
import { VariantsTable } from './variants-table.tsx';

export function ModelView({ name, version }: { readonly name: string; readonly version: number }) {
  const { store } = useWorld();
  useTopics('models', 'devices', 'status');
  useTitle(modelVersion(name, version));
  const { variants, fault } = useVariants(name, version);
  const model = store.models.get(modelKey({ name, version }));
  if (!store.loaded()) return <Skeleton rows={4} />;
  if (model === undefined) {
    return (
      <Notice title={`There is no model ${modelVersion(name, version)}`} tone="trouble">
        <p>
          <a href="#/models">All models</a>
        </p>
      </Notice>
    );
  }
  const usage = usageOf(store.devices.values(), model);
  return (
    <div class="device">
      <header class="title">
        <a class="back" href="#/models">
          Models
        </a>
        <h1>{modelVersion(name, version)}</h1>
        <ModelState model={model} />
        <span class="quiet">served by {counted(usage.devices, 'device')}</span>
      </header>
      <About model={model} />
      {fault !== null && <p class="quiet">The variants could not be read: {fault.message}</p>}
      <Variants model={model} variants={variants} usage={usage} />
      <section class="panel" aria-label="By hardware class">
        <h2 class="panel-title">By hardware class</h2>
        <ClassUses usage={usage} />
      </section>
    </div>
  );
}

function About({ model }: { readonly model: ModelRecord }) {
  const { manifest, name, version } = model;
  const comparisons = useComparisons(name, version);
  return (
    <section class="panel" aria-label="The source">
      {manifest.description && <p class="why-reason">{manifest.description}</p>}
      {model.error && (
        <p class="underway underway-failed">
          <b class="sign-text-failed">{model.error.code}</b> {model.error.message}
        </p>
      )}
      <dl class="figures">
        <Figure name="Source">{formatBytes(model.bytes)}</Figure>
        <Figure name="Parameters">{parametersLabel(model.parameters)}</Figure>
        <Figure name="Quality">
          {qualityLabel(model.quality)}
          {model.quality && <span class="quiet"> {metricName(model.quality.metric)}</span>}
        </Figure>
        {manifest.quality && (
          <Figure name="May lose at most">
            {lossText(manifest.quality.metric, manifest.quality.maxDrop)}
          </Figure>
        )}
        <Figure name="Aims for">{manifest.objective ?? 'latency'}</Figure>
        <Limits manifest={manifest} />
        <Figure name="Inputs">{model.inputs.map(tensorLabel).join(', ')}</Figure>
        <Figure name="Outputs">{model.outputs.map(tensorLabel).join(', ')}</Figure>
        {model.opset !== null && <Figure name="Opset">{model.opset}</Figure>}
      </dl>
      <ComparisonList comparisons={comparisons} />
      {model.notes.length > 0 && (
        <ul class="notes">
          {model.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Limits({ manifest }: Pick<ModelRecord, 'manifest'>) {
  const { limits = {} } = manifest;
  const parts = [
    limits.latencyMsP95 === undefined ? '' : `p95 ${formatMs(limits.latencyMsP95)}`,
    limits.memoryMiB === undefined ? '' : `${limits.memoryMiB} MiB`,
    limits.bytes === undefined ? '' : formatBytes(limits.bytes),
  ].filter((part) => part !== '');
  return parts.length > 0 ? <Figure name="Limits">{parts.join(', ')}</Figure> : null;
}

interface FigureProps {
  readonly name: string;
  readonly children: ComponentChildren;
}

function Figure({ name, children }: FigureProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface VariantsProps {
  readonly model: ModelRecord;
  readonly variants: readonly VariantRecord[];
  readonly usage: Usage;
}

function Variants({ model, variants, usage }: VariantsProps) {
  const [active, setActive] = useState<number | null>(null);
  const points = useMemo(() => variantPoints(model, variants), [model, variants]);
  const metric = points?.metric ?? '';
  return (
    <section class="panel" aria-label="Variants">
      <h2 class="panel-title">
        Variants{' '}
        <span class="quiet plain-weight">
          {points ? `size against ${metricName(metric)}` : 'their quality is not measured'}
        </span>
      </h2>
      {points && (
        <FrontPicture
          input={points}
          title={`Variants: size against ${metricName(metric)}`}
          description={`${points.points.length} variants; the table holds every figure.`}
          formatCost={(bytes) => shortTick(formatBytes(bytes))}
          formatWorth={(worth) => shortTick(metricValue(metric, Math.abs(worth)))}
          floorLabel={
            points.floor === null
              ? ''
              : `least that is accepted: ${metricValue(metric, Math.abs(points.floor))}`
          }
          hint={(index) => variants[index]?.recipeName ?? 'source'}
          active={active}
          onActive={setActive}
        />
      )}
      {variants.length === 0 ? (
        <p class="quiet">None yet: a variant is built when a device asks for it.</p>
      ) : (
        <VariantsTable
          model={model}
          variants={variants}
          usage={usage}
          active={active}
          onActive={setActive}
        />
      )}
    </section>
  );
}

/** `image float32 [N, 1, 32, 32]`. */
function tensorLabel({ name, type, shape }: ModelRecord['inputs'][number]): string {
  return `${name} ${type} [${shape.map((size) => (size < 0 ? 'N' : size)).join(', ')}]`;
}
