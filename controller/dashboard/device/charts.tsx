/** How a device performs, over its last telemetry windows. */
import { useMemo } from 'preact/hooks';
import type { Window } from '../../../shared/protocol/messages.ts';
import { modelVersion } from '../format/model.ts';
import {
  counted,
  formatCelsius,
  formatMiB,
  formatMs,
  formatRate,
  threeDigits,
} from '../format/numbers.ts';
import { Chart } from '../parts/chart.tsx';
import { hasValues, type Series, seriesOf } from './series.ts';

interface ChartsProps {
  readonly windows: readonly Window[];
  /** Names of variants by their digest, for those that are known. */
  readonly names: ReadonlyMap<string, string>;
}

export function Charts({ windows, names }: ChartsProps) {
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
      <Readings series={series} windows={windows} />
    </div>
  );
}

interface ReadingsProps {
  readonly series: Series;
  readonly windows: readonly Window[];
}

/** What only some devices can measure: no chart stands empty. */
function Readings({ series, windows }: ReadingsProps) {
  const { seconds, frequencyMHz, throttledMHz, powerW, inputDrift, outputDrift } = series;
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

      {hasValues(powerW) && (
        <Chart
          title="Power"
          seconds={seconds}
          format={(value) => `${threeDigits(value)} W`}
          lines={[{ label: 'board', color: '--accent-line', values: powerW, area: true }]}
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
