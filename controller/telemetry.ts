/** A device's telemetry over a stretch of time, as fine as makes a chart. */
import type { TelemetryAnswer } from '../shared/protocol/api.ts';
import { Window } from '../shared/protocol/messages.ts';
import { readStored } from './store/database.ts';
import { type RollupSpan, rollupSpans } from './store/rollups.ts';
import { instant, type World } from './world.ts';

export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** More points than a chart has pixels are not sent. */
export const pointsMax = 1500;

export async function telemetryOf(
  world: World,
  device: string,
  { fromMs, toMs }: Stretch,
): Promise<TelemetryAnswer> {
  const own = world.fleet.get(device)?.telemetrySeconds;
  const telemetrySeconds = own ?? world.settings.telemetrySeconds;
  const step = stepOf({ fromMs, toMs }, { windowSeconds: telemetrySeconds, nowMs: world.now() });
  const documents =
    step === 'window'
      ? await windowDocuments(world, device, { fromMs, toMs })
      : await rollupDocuments(world, { device, step, fromMs, toMs });
  const onFault = (thrown: unknown) =>
    world.log.error({ err: thrown, device }, 'a stored window cannot be read');
  return {
    from: instant(fromMs),
    to: instant(toMs),
    stepSeconds: step === 'window' ? telemetrySeconds : step,
    windows: documents
      .reverse()
      .flatMap(({ document }) => readStored(Window, document, onFault) ?? []),
  };
}

/** Roll-ups of the running minute lag behind: only what is past them is read from them. */
const freshMs = 15 * 60_000;

/** Single windows where they fit and may still be there; else the finest roll-up that fits. */
export function stepOf(
  { fromMs, toMs }: Stretch,
  { windowSeconds, nowMs }: { windowSeconds: number; nowMs: number },
): 'window' | RollupSpan {
  const seconds = (toMs - fromMs) / 1000;
  if (fromMs >= nowMs - 2 * freshMs && seconds / windowSeconds <= pointsMax) return 'window';
  return rollupSpans.find((span) => seconds / span <= pointsMax) ?? 3600;
}

function windowDocuments({ db }: World, device: string, { fromMs, toMs }: Stretch) {
  return db
    .selectFrom('windows')
    .select('document')
    .where('device', '=', device)
    .where('start_ms', '>=', fromMs)
    .where('start_ms', '<', toMs)
    .orderBy('start_ms', 'desc')
    .limit(pointsMax)
    .execute();
}

function rollupDocuments(
  { db }: World,
  { device, step, fromMs, toMs }: Stretch & { device: string; step: RollupSpan },
) {
  return (
    db
      .selectFrom('rollups')
      .select('document')
      .where('device', '=', device)
      .where('span', '=', step)
      // The roll-up that the stretch begins in belongs to it.
      .where('start_ms', '>', fromMs - step * 1000)
      .where('start_ms', '<', toMs)
      .orderBy('start_ms', 'desc')
      .limit(pointsMax)
      .execute()
  );
}
