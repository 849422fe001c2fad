/**
 * What the agent says of itself: lines for people at a terminal, JSON lines for a service manager.
 */

export const logLevels = { debug: 20, info: 30, warn: 40, error: 50 } as const;
export type LogLevel = keyof typeof logLevels;

export type Log = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

export interface JsonLogOptions {
  /** In every line. */
  readonly base: Readonly<Record<string, unknown>>;
  readonly level: LogLevel;
  readonly write: (line: string) => void;
}

/**
 * JSON lines in pino's format, so that its tools read them. pino itself would be a tenth of what an
 * idle agent may take.
 */
export function jsonLog({ base, level, write }: JsonLogOptions): Log {
  return (at, msg, fields) => {
    if (logLevels[at] < logLevels[level]) return;
    write(JSON.stringify({ level: logLevels[at], time: Date.now(), ...base, ...fields, msg }));
  };
}

/** One line a message, without fields and without `debug`. */
export function lineLog(write: (line: string) => void): Log {
  return (level, message) => {
    if (level === 'debug') return;
    write(level === 'info' ? message : `${level}: ${message}`);
  };
}

export function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(logLevels, text);
}
