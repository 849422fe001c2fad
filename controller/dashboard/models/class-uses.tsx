/** What each hardware class settled on for a model. */
import { bitsLabel, planLabel, qualityLabel } from '../format/model.ts';
import { absent, formatBytes, formatCount, formatMs } from '../format/numbers.ts';
import { fleetHref } from '../state/route.ts';
import type { Usage } from './usage.ts';

const linesMax = 50;

export function ClassUses({ usage }: { readonly usage: Usage }) {
  if (usage.byClass.length === 0) return <p class="quiet">No device serves this version.</p>;
  return (
    <div class="scroll-x">
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">Hardware class</th>
            <th scope="col">Serves</th>
            <th scope="col">Plan</th>
            <th scope="col">Bits</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col" class="number">
              Quality
            </th>
            <th scope="col" class="number">
              Median p50
            </th>
            <th scope="col" class="number">
              Devices
            </th>
          </tr>
        </thead>
        <tbody>
          {usage.byClass.slice(0, linesMax).map((use) => (
            <tr key={use.hardwareClass + use.serving.variant}>
              <th scope="row">
                <a href={fleetHref(new URLSearchParams({ q: `class=${use.hardwareClass}` }))}>
                  {use.hardwareClass}
                </a>
              </th>
              <td>{use.recipeName}</td>
              <td>{planLabel(use.serving.plan)}</td>
              <td>{bitsLabel(use.serving.recipe)}</td>
              <td class="number">{formatBytes(use.serving.bytes)}</td>
              <td class="number">{qualityLabel(use.serving.quality)}</td>
              <td class="number">
                {use.medianMsP50 === null ? absent : formatMs(use.medianMsP50)}
              </td>
              <td class="number">{formatCount(use.devices)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
