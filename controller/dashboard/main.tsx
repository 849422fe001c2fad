import { render } from 'preact';
import uPlot from 'uplot';
import { quantile } from '../../shared/histogram.ts';
import type { DeviceSummary } from '../../shared/protocol/api.ts';

const d: DeviceSummary | null = null;
const root = document.getElementById('app');
if (root)
  render(
    <p>
      {String(d)} {String(quantile)} {String(uPlot)}
    </p>,
    root,
  );
