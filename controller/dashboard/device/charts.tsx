/** How a device performs, over its last telemetry windows. */
import { useMemo } from 'preact/hooks';
import type { Window } from '../../../shared/protocol/messages.ts';
import { modelVersion } from '../format/model.ts';
import {
  counted,
  formatCelsius,
  formatMiB,
  formatMs,
  formatPercent,
  formatRate,
  threeDigits,
} from '../format/numbers.ts';
import { Chart } from '../parts/chart.tsx';
import { wattsText } from './hardware.ts';
import { hasValues, type Series, seriesOf } from './series.ts';

interface ChartsProps {
  readonly windows: readonly Window[];
  /** Names of variants by their digest, for those that are known. */
  readonly names: ReadonlyMap<string, string>;
  /** What tells how much the device takes, as its profile names it. */
  readonly meter: string | null;
}

export function Charts({ windows, names, meter }: ChartsProps) {
  const series = useMemo(() => seriesOf(windows), [windows]);
  const { seconds } = series;
  if (seconds.length < 2) {
    return <p class="quiet">No telemetry yet: the first windows arrive while the device serves.</p>;
  }
  const errors = series.errorRate.some((value) => value !== null && value > 0);
  return (
    <div class="charts">
      <Chart
        title="Latency"
        seconds={seconds}
        format={formatMs}
        lines={[
          { label: 'p50', color: '--accent', values: series.p50 },
          { label: 'p95', color: '--tuning-fill', values: series.p95 },
        ]}
        markers={series.changes.map((change) => ({
          seconds: change.seconds,
          label: `${modelVersion(change.model, change.version)} ${names.get(change.variant) ?? ''}`,
        }))}
      />
      <Chart
        title="Throughput"
        seconds={seconds}
        format={formatRate}
        lines={[
          { label: 'requests', color: '--accent-line', values: series.rate, area: true },
          ...(errors
            ? [{ label: 'errors', color: '--failed-fill', values: series.errorRate }]
            : []),
        ]}
      />
      <Chart
        title="Memory"
        seconds={seconds}
        format={formatMiB}
        lines={[
          { label: 'resident', color: '--accent-line', values: series.memoryMiB, area: true },
        ]}
      />
      {hasValues(series.temperatureC) ? (
        <Chart
          title="Temperature"
          seconds={seconds}
          format={formatCelsius}
          fromZero={false}
          lines={[{ label: 'hottest', color: '--paused-fill', values: series.temperatureC }]}
        />
      ) : (
        <Chart
          title="Processor"
          seconds={seconds}
          format={(cores) => `${threeDigits(cores)} cores`}
          lines={[{ label: 'used', color: '--accent-line', values: series.cores, area: true }]}
        />
      )}
      <Readings series={series} windows={windows} meter={meter} />
    </div>
  );
}

interface ReadingsProps {
  readonly series: Series;
  readonly windows: readonly Window[];
  readonly meter: string | null;
}

/** What only some devices can measure: no chart stands empty. */
function Readings({ series, windows, meter }: ReadingsProps) {
  const { seconds, frequencyMHz, throttledMHz, gpuLoad, inputDrift, outputDrift } = series;
  const held = windows.filter(({ throttled }) => throttled).length;
  return (
    <>
      {hasValues(frequencyMHz) && (
        <Chart
          title="Frequency"
          seconds={seconds}
          format={(value) => `${threeDigits(value)} MHz`}
          fromZero={false}
          lines={[
            { label: 'slowest core', color: '--accent-line', values: frequencyMHz },
            ...(hasValues(throttledMHz)
              ? [{ label: 'throttled', color: '--failed-fill', values: throttledMHz }]
              : []),
          ]}
        />
      )}
      <PowerChart series={series} meter={meter} />
      {hasValues(gpuLoad) && (
        <Chart
          title="GPU"
          seconds={seconds}
          format={(share) => formatPercent(share, 0)}
          lines={[{ label: 'busy', color: '--accent-line', values: gpuLoad, area: true }]}
        />
      )}
      {(hasValues(inputDrift) || hasValues(outputDrift)) && (
        <Chart
          title="Drift from the calibration set"
          seconds={seconds}
          format={threeDigits}
          lines={[
            { label: 'inputs', color: '--idle-fill', values: inputDrift },
            { label: 'outputs', color: '--accent', values: outputDrift },
          ]}
        />
      )}
      {held > 0 && (
        <p class="quiet charts-note">
          The processor was throttled in {counted(held, 'window')} of {windows.length}.
        </p>
      )}
    </>
  );
}

const railColors = ['--tuning-fill', '--idle-fill', '--paused-fill', '--failed-fill'] as const;

/** What the board takes, and its rails beside it; they overlap. */
function PowerChart({ series, meter }: Omit<ReadingsProps, 'windows'>) {
  const { seconds, powerW, rails } = series;
  const others = [...rails].filter(([name]) => name !== meter);
  const known = hasValues(powerW);
  if (!known && others.length === 0) return null;
  return (
    <Chart
      title="Power"
      seconds={seconds}
      format={wattsText}
      lines={[
        ...(known
          ? [{ label: meter ?? 'board', color: '--accent-line', values: powerW, area: true }]
          : []),
        ...others.map(([label, values], at) => ({
          ...{ label, values },
          color: railColors[at % railColors.length] ?? railColors[0],
        })),
      ]}
    />
  );
}
