/** What the clocks of a time zone show. Pure. */

/** A day, counted from 1 January 1970, and a minute of it, as clocks show them. */
export interface LocalMinute {
  readonly day: number;
  readonly minute: number;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export function localMinute(timeZone: string, atMs: number): LocalMinute {
  const shown = shownMs(timeZone, atMs);
  const day = Math.floor(shown / dayMs);
  return { day, minute: Math.floor((shown - day * dayMs) / minuteMs) };
}

/**
 * The first instant at which the clocks show that minute. Where daylight saving skips it, the
 * instant at which they go on.
 */
export function whenLocal(timeZone: string, { day, minute }: LocalMinute): number {
  const wanted = day * dayMs + minute * minuteMs;
  const offset = (atMs: number) => shownMs(timeZone, atMs) - atMs;
  // No zone is changed twice within two days.
  const offsets = [offset(wanted - dayMs), offset(wanted + dayMs)];
  const first = wanted - Math.max(...offsets);
  if (shownMs(timeZone, first) === wanted) return first;
  // Skipped: before the change the clocks show less, after it more.
  let [before, after] = [first, wanted - Math.min(...offsets)];
  while (after - before > minuteMs) {
    const middle = before + Math.floor((after - before) / 2 / minuteMs) * minuteMs;
    if (shownMs(timeZone, middle) < wanted) before = middle;
    else after = middle;
  }
  return after;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clocks show, read as if it were UTC, to the minute. */
function shownMs(timeZone: string, atMs: number): number {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-US', shape(timeZone));
  formats.set(timeZone, format);
  const shown = format.formatToParts(atMs);
  const part = (wanted: string) => Number(shown.find(({ type }) => type === wanted)?.value);
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
}

function shape(timeZone: string): Intl.DateTimeFormatOptions {
  const two = '2-digit' as const;
  const date = { year: 'numeric', month: two, day: two } as const;
  return { timeZone, ...date, hour: two, minute: two, hourCycle: 'h23' };
}
