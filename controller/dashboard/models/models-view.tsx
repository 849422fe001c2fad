/** The models that were pushed, every version a row. */
import type { ModelRecord } from '../../../shared/protocol/api.ts';
import { modelVersion, qualityLabel } from '../format/model.ts';
import { absent, formatBytes, formatCount, threeDigits } from '../format/numbers.ts';
import { formatAgo, formatInstant } from '../format/time.ts';
import { Badge } from '../parts/glyph.tsx';
import { Meter } from '../parts/meter.tsx';
import { Notice, Skeleton } from '../parts/notice.tsx';
import { useTitle } from '../parts/use-title.ts';
import { modelHref } from '../state/route.ts';
import { useNow, useTopics, useWorld } from '../state/world.ts';
import { usageOf } from './usage.ts';

export function ModelsView() {
  const { store } = useWorld();
  useTopics('models', 'devices', 'status');
  useTitle('Models');
  if (!store.loaded()) return <Skeleton rows={4} />;
  const models = [...store.models.values()].sort(
    (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) || b.version - a.version,
  );
  if (models.length === 0) {
    return (
      <Notice title="No model has been pushed yet">
        <p>A package is a folder with a model, its data and a fettle.json:</p>
        <pre class="command">fettle push examples/digits</pre>
      </Notice>
    );
  }
  return (
    <>
      <h1 class="view-title">Models</h1>
      <div class="panel scroll-x">
        <table class="plain-table table-wide">
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Source quality
              </th>
              <th scope="col" class="number">
                Size
              </th>
              <th scope="col" class="number">
                Parameters
              </th>
              <th scope="col" class="number">
                Opset
              </th>
              <th scope="col" class="number">
                Devices
              </th>
              <th scope="col" class="number">
                Pushed
              </th>
            </tr>
          </thead>
          <tbody>
            {models.map((model) => (
              <ModelRow key={modelVersion(model.name, model.version)} model={model} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function ModelRow({ model }: { readonly model: ModelRecord }) {
  const { store } = useWorld();
  const now = useNow();
  const { devices } = usageOf(store.devices.values(), model);
  return (
    <tr>
      <th scope="row">
        <a href={modelHref(model.name, model.version)}>{modelVersion(model.name, model.version)}</a>
        {model.manifest.description && <p class="description">{model.manifest.description}</p>}
      </th>
      <td data-label="State">
        <ModelState model={model} />
      </td>
      <td class="number" data-label="Source quality">
        {qualityLabel(model.quality)}
      </td>
      <td class="number" data-label="Size">
        {formatBytes(model.bytes)}
      </td>
      <td class="number" data-label="Parameters">
        {parametersLabel(model.parameters)}
      </td>
      <td class="number" data-label="Opset">
        {model.opset ?? absent}
      </td>
      <td class="number" data-label="Devices">
        {formatCount(devices)}
      </td>
      <td class="number" data-label="Pushed" title={formatInstant(model.createdAt)}>
        {formatAgo(model.createdAt, now)}
      </td>
    </tr>
  );
}

export function ModelState({ model }: { readonly model: ModelRecord }) {
  const { progress } = model;
  return (
    <span class="state" title={model.error?.message ?? progress?.what ?? ''}>
      <Badge sign={model.state} />
      {progress && <Meter done={progress.done} total={progress.total} label={progress.what} />}
    </span>
  );
}

/** `629 k`, `25.6 M`. */
export function parametersLabel(count: number | null): string {
  if (count === null) return absent;
  if (count < 1e3) return formatCount(count);
  if (count < 1e6) return `${threeDigits(count / 1e3)}\u202fk`;
  return `${threeDigits(count / 1e6)}\u202fM`;
}
