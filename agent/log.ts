/** What the agent says of itself: lines for people at a terminal, JSON lines for a service manager. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type Log = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** JSON lines on standard error, as pino writes them. Loaded only where it is used. */
export async function jsonLog(base: Readonly<Record<string, unknown>>): Promise<Log> {
  const { pino } = await import('pino');
  const logger = pino({ base, level: process.env.FETTLE_LOG ?? 'info' }, pino.destination(2));
  return (level, message, fields) => logger[level](fields ?? {}, message);
}

/** One line a message, without fields and without `debug`. */
export function lineLog(write: (line: string) => void): Log {
  return (level, message) => {
    if (level === 'debug') return;
    write(level === 'info' ? message : `${level}: ${message}`);
  };
}
