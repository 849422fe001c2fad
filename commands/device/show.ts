/** `fettle device show DEVICE`: what it is, what it runs and what its trials measured. */
import { recipeName } from '../../shared/compress/recipe.ts';
import { sayLoss, sayValue } from '../../shared/evaluate/quality-budget.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import type { Serving } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import type { Tuning } from '../../shared/protocol/tuning.ts';
import { formatBytes, formatMs, formatNumber } from '../../shared/terminal/units.ts';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { profileRows } from '../profile-text.ts';
import { printFacts, printTable } from '../rows.ts';

type Fact = readonly [string, string];

export const command: Command = {
  args: ['DEVICE'],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(argument(context, 'DEVICE'))}`;
    const detail = await client.call(DeviceDetail, path, { signal });
    printFacts(io, factsOf(detail));
    if (detail.profile) {
      io.line('');
      printFacts(io, profileFacts(detail.profile));
    }
    if (detail.tuning) {
      io.line('');
      printTable(io, trialRows(detail.tuning));
    }
    io.result(detail);
  },
};

function factsOf(detail: DeviceDetail): Fact[] {
  const { reported, recent, tuning } = detail;
  const serving = reported?.serving;
  const labels = Object.entries(detail.labels).map(([name, value]) => `${name}=${value}`);
  return [
    ['device', detail.device],
    ['online', detail.online ? 'yes' : `no, last seen ${detail.lastSeen ?? 'never'}`],
    ['labels', labels.join(' ') || '–'],
    ['state', reported ? `${reported.state}: ${reported.reason}` : 'nothing reported yet'],
    ...(reported?.error
      ? [['error', `${reported.error.code}: ${reported.error.message}`] as const]
      : []),
    ...(serving ? servingFacts(serving, detail.before) : []),
    ...(serving === undefined && tuning?.chosen === null
      ? [['tuning', tuning.reason ?? 'nothing was chosen'] as const]
      : []),
    ...(serving && reported?.endpoint ? [['endpoint', reported.endpoint] as const] : []),
    ...(recent && recent.requestsPerSecond > 0 ? recentFacts(recent) : []),
  ];
}

function servingFacts(serving: Serving, before: DeviceDetail['before']): Fact[] {
  const { quality, onGolden, live } = serving;
  const measured = quality && `${quality.metric} ${sayValue(quality, quality.value)}`;
  return [
    ['serves', `${serving.model} ${serving.version} as ${recipeName(serving.recipe)}`],
    ['because', serving.reason],
    ...(quality ? [['quality', `${measured}, ${sayLoss(quality, quality.drop)}`] as const] : []),
    ...(before ? [[`version ${before.against}`, before.reason] as const] : []),
    ...(onGolden ? [['golden inputs', alike(onGolden)] as const] : []),
    ...(live ? [['live requests', alike(live)] as const] : []),
    ['bytes', `${formatBytes(serving.bytes)} of ${formatBytes(serving.sourceBytes)}`],
  ];
}

function alike({ samples, agreement }: { samples: number; agreement: number }): string {
  return `${Math.round(agreement * samples)} of ${samples} answered as the variant before`;
}

function recentFacts(recent: NonNullable<DeviceDetail['recent']>): Fact[] {
  return [
    ['latency', `p50 ${formatMs(recent.latencyMsP50)}, p95 ${formatMs(recent.latencyMsP95)}`],
    ['requests', `${formatNumber(recent.requestsPerSecond)}/s, ${recent.errors} errors`],
  ];
}

function profileFacts(profile: Profile): Fact[] {
  return profileRows(profile).flatMap(([name, text]): Fact[] =>
    text === null ? [] : [[name, text]],
  );
}

function trialRows(tuning: Tuning): string[][] {
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
  return [header, ...rows];
}
