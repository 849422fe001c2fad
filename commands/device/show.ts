/** `fettle device show DEVICE`: what it is, what it runs and what its trials measured. */
import { recipeName } from '../../shared/compress/recipe.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import type { Tuning } from '../../shared/protocol/tuning.ts';
import { formatTable } from '../../shared/terminal/table.ts';
import { formatBytes, formatMs, formatNumber } from '../../shared/terminal/units.ts';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  args: ['DEVICE'],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(argument(context, 'DEVICE'))}`;
    const detail = await client.call(DeviceDetail, path, { signal });
    for (const line of formatTable(factsOf(detail))) io.line(line);
    if (detail.tuning) {
      io.line('');
      for (const line of trialLines(detail.tuning)) io.line(line);
    }
    io.result(detail);
  },
};

function factsOf(detail: DeviceDetail): string[][] {
  const { profile, reported, recent } = detail;
  const serving = reported?.serving;
  const labels = Object.entries(detail.labels).map(([name, value]) => `${name}=${value}`);
  return [
    ['device', detail.device],
    ['online', detail.online ? 'yes' : `no, last seen ${detail.lastSeen ?? 'never'}`],
    ['labels', labels.join(' ') || '–'],
    ['class', detail.hardwareClass ?? '–'],
    ['processor', profile ? `${profile.processor.model}, ${profile.processor.cores} cores` : '–'],
    ['state', reported ? `${reported.state}: ${reported.reason}` : 'nothing reported yet'],
    ...(reported?.error ? [['error', `${reported.error.code}: ${reported.error.message}`]] : []),
    ...(serving
      ? [
          ['serves', `${serving.model} ${serving.version} as ${recipeName(serving.recipe)}`],
          ['because', serving.reason],
          ['bytes', `${formatBytes(serving.bytes)} of ${formatBytes(serving.sourceBytes)}`],
          ['endpoint', reported?.endpoint ?? '–'],
        ]
      : []),
    ...(recent && recent.requestsPerSecond > 0
      ? [
          ['latency', `p50 ${formatMs(recent.latencyMsP50)}, p95 ${formatMs(recent.latencyMsP95)}`],
          ['requests', `${formatNumber(recent.requestsPerSecond)}/s, ${recent.errors} errors`],
        ]
      : []),
  ];
}

function trialLines(tuning: Tuning): string[] {
  const header = ['', 'VARIANT', 'THREADS', 'INSTANCES', 'P50', 'P95', 'PER S', 'MIB', 'QUALITY'];
  const rows = tuning.trials.map((trial, index) => [
    tuning.front.includes(index) ? '*' : '',
    trial.recipeName,
    String(trial.plan.threads),
    String(trial.plan.instances),
    ...(trial.state === 'done'
      ? [
          formatMs(trial.latencyMsP50),
          formatMs(trial.latencyMsP95),
          formatNumber(trial.throughputPerSecond),
          formatNumber(trial.memoryMiB),
        ]
      : [trial.state, trial.error?.message ?? '', '', '']),
    trial.quality ? `${trial.quality.metric} ${formatNumber(trial.quality.value)}` : '–',
  ]);
  const chosen = tuning.chosen
    ? `chosen: ${tuning.chosen.recipeName}: ${tuning.chosen.reason}`
    : 'nothing was chosen';
  return [...formatTable([header, ...rows]), chosen];
}
