/** Whether devices may be given a model now. Pure: the clock is passed in. */
import { days, type Maintenance } from '../../shared/protocol/rollouts.ts';
import { type LocalMinute, localMinute, whenLocal } from './time-zone.ts';

const minuteMs = 60_000;
const minutesOfDay = 24 * 60;

/**
 * A window begins when the clocks of its time zone first reach its hour, and lasts its length: one
 * whose hour daylight saving skips begins where the clocks go on, one whose hour is repeated is not
 * open twice. Outside of every window, the reason says when the next one begins.
 */
export function maintenanceAt(
  maintenance: Maintenance | null,
  nowMs: number,
): { readonly open: boolean; readonly reason: string } {
  if (!maintenance) return { open: true, reason: '' };
  const today = localMinute(maintenance.timeZone, nowMs);
  const openings = openingsOf(maintenance, today);
  if (openings.some(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs)) {
    return { open: true, reason: '' };
  }
  const [next] = openings
    .filter(({ fromMs }) => fromMs > nowMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  const reason = next
    ? nextBegin(next, maintenance, today)
    : `none begins in ${maintenance.timeZone}`;
  return { open: false, reason: `waits for its maintenance window: ${reason}` };
}

/** Throws nothing: a time zone that the runtime does not know is refused when it is asked for. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

interface Opening {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Those that begin from yesterday, as one may last past midnight, to a week from now. */
function openingsOf({ windows, timeZone }: Maintenance, today: LocalMinute): Opening[] {
  return windows.flatMap((window) => {
    const [from, to] = [minutesOf(window.from), minutesOf(window.to)];
    const length = from < to ? to - from : to - from + minutesOfDay;
    return Array.from({ length: 9 }, (_, index) => index - 1)
      .filter((ahead) => beginsOn(window, weekday(today, ahead)))
      .map((ahead) => {
        const fromMs = whenLocal(timeZone, { day: today.day + ahead, minute: from });
        return { fromMs, toMs: fromMs + length * minuteMs };
      });
  });
}

function beginsOn({ days: own }: Maintenance['windows'][number], name: string): boolean {
  return own.length === 0 || own.some((one) => one === name);
}

function minutesOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

/** Day 0 is 1 January 1970, a Thursday. */
function weekday({ day }: LocalMinute, ahead: number): string {
  return days[(day + ahead + 4) % 7] ?? '';
}

/** As the clocks of the time zone show it then, which is not always the hour that was asked for. */
function nextBegin({ fromMs }: Opening, { timeZone }: Maintenance, today: LocalMinute): string {
  const { day, minute } = localMinute(timeZone, fromMs);
  const on = day === today.day ? 'today' : weekday({ day, minute }, 0);
  const two = (count: number) => String(count).padStart(2, '0');
  return `the next begins ${on} at ${two(Math.floor(minute / 60))}:${two(minute % 60)} ${timeZone}`;
}
