/** The variants of a model: size, bits, quality, and who serves them. */
import type { ModelRecord, VariantRecord } from '../../../shared/protocol/api.ts';
import { bitsLabel, lossLabel, qualityLabel } from '../format/model.ts';
import { absent, formatBytes, formatCount, formatRatio } from '../format/numbers.ts';
import { Badge } from '../parts/glyph.tsx';
import { Bar, Meter } from '../parts/meter.tsx';
import { Download } from './download.tsx';
import { layersLabel, widestFirst } from './layers.ts';
import type { Usage } from './usage.ts';

interface VariantsTableProps {
  readonly model: ModelRecord;
  readonly variants: readonly VariantRecord[];
  readonly usage: Usage;
  readonly active: number | null;
  readonly onActive: (variant: number | null) => void;
}

export function VariantsTable({ model, variants, usage, active, onActive }: VariantsTableProps) {
  return (
    <div class="scroll-x">
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col">State</th>
            <th scope="col">Bits</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col" class="number">
              Against source
            </th>
            <th scope="col" class="number">
              Quality
            </th>
            <th scope="col" class="number">
              Lost
            </th>
            <th scope="col" class="number">
              Devices
            </th>
            <th scope="col">Layers</th>
            <th scope="col">File</th>
          </tr>
        </thead>
        <tbody>
          {variants.map((variant, index) => (
            <tr
              key={variant.id}
              class={index === active ? 'row-active' : ''}
              onPointerEnter={() => onActive(index)}
              onPointerLeave={() => onActive(null)}
            >
              <th scope="row">{variant.recipeName}</th>
              <td>
                <VariantState variant={variant} />
              </td>
              <td>{bitsLabel(variant.recipe)}</td>
              <td class="number">{variant.bytes === null ? absent : formatBytes(variant.bytes)}</td>
              <td class="number">
                <Ratio bytes={variant.bytes} source={model.bytes} />
              </td>
              <td class="number">{qualityLabel(variant.quality)}</td>
              <td class="number">{variant.quality ? lossLabel(variant.quality) : absent}</td>
              <td class="number">{formatCount(usage.byVariant.get(variant.digest ?? '') ?? 0)}</td>
              <td>
                <Layers layers={variant.layers} />
              </td>
              <td>
                {variant.digest && <Download digest={variant.digest} name={fileName(variant)} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Ratio({ bytes, source }: { readonly bytes: number | null; readonly source: number }) {
  if (bytes === null) return <>{absent}</>;
  const ratio = bytes / Math.max(1, source);
  return (
    <span class="with-bar">
      {formatRatio(ratio)}
      <Bar share={ratio} />
    </span>
  );
}

function VariantState({ variant }: { readonly variant: VariantRecord }) {
  const { progress, error } = variant;
  return (
    <span class="state" title={error?.message ?? progress?.what ?? ''}>
      <Badge sign={variant.state} />
      {progress && <Meter done={progress.done} total={progress.total} label={progress.what} />}
      {error && <span class="note">{error.message}</span>}
    </span>
  );
}

function Layers({ layers }: { readonly layers: VariantRecord['layers'] }) {
  if (layers.length === 0) return <>{absent}</>;
  return (
    <details class="layers">
      <summary>{layersLabel(layers)}</summary>
      <ul>
        {widestFirst(layers).map((layer) => (
          <li key={layer.name}>
            <code>{layer.name}</code> {layer.op}, {layer.bits} bit:{' '}
            <span class="quiet">{layer.reason}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** `digits-3-int8-keep-0.75`. */
function fileName({ model, version, recipeName }: VariantRecord): string {
  return `${model}-${version}-${recipeName.replaceAll(' ', '-')}`;
}
