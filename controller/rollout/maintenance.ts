/** Whether devices may be given a model now. Pure: the clock is passed in. */
import { days, type Maintenance } from '../../shared/protocol/rollouts.ts';

const minutesOfDay = 24 * 60;

/** Outside of every window, the reason says when the next one begins. */
export function maintenanceAt(
  maintenance: Maintenance | null,
  nowMs: number,
): { readonly open: boolean; readonly reason: string } {
  if (!maintenance) return { open: true, reason: '' };
  const { day, minute } = localTime(maintenance.timeZone, nowMs);
  const yesterday = (day + 6) % 7;
  const open = maintenance.windows.some((window) => {
    const { from, to } = minutesOf(window);
    const begins = (on: number) => beginsOn(window, on);
    if (from < to) return begins(day) && minute >= from && minute < to;
    // Past midnight it is the window of the day before.
    return (begins(day) && minute >= from) || (begins(yesterday) && minute < to);
  });
  if (open) return { open, reason: '' };
  return {
    open,
    reason: `waits for its maintenance window: ${nextBegin(maintenance, day, minute)}`,
  };
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

type MaintenanceWindow = Maintenance['windows'][number];

function beginsOn({ days: own }: MaintenanceWindow, day: number): boolean {
  return own.length === 0 || own.some((name) => days.indexOf(name) === day);
}

function minutesOf({ from, to }: MaintenanceWindow): { from: number; to: number } {
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return { from: minutes(from), to: minutes(to) };
}

/** The day of the week, 0 is Sunday, and the minute of the day on the clocks of a time zone. */
function localTime(timeZone: string, nowMs: number): { day: number; minute: number } {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(nowMs);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? '';
  const weekday = part('weekday').toLowerCase();
  const day = days.findIndex((name) => weekday.startsWith(name));
  return { day, minute: Number(part('hour')) * 60 + Number(part('minute')) };
}

function nextBegin({ windows, timeZone }: Maintenance, day: number, minute: number): string {
  const waits = windows.flatMap((window) =>
    Array.from({ length: 8 }, (_, ahead) => ahead)
      .filter((ahead) => beginsOn(window, (day + ahead) % 7))
      .map((ahead) => ({ window, ahead, wait: ahead * minutesOfDay + minutesOf(window).from }))
      .filter(({ wait }) => wait > minute),
  );
  const [first] = waits.sort((a, b) => a.wait - b.wait);
  if (!first) return `none begins in ${timeZone}`;
  const name = days[(day + first.ahead) % 7] ?? '';
  const on = first.ahead === 0 ? 'today' : name;
  return `the next begins ${on} at ${first.window.from} ${timeZone}`;
}
