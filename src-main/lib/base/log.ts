/** Structured logging as a port. Fields are facts: never a key, a token, a PIN or a connection string. */

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log that adds these fields to each of its lines. */
  with(fields: LogFields): Log;
}

export type LogLevel = 'info' | 'warn' | 'error';

/** Writes one JSON object a line: `time` (ISO 8601, UTC), `level`, `event`, then the fields. */
export function jsonLog(writeLine: (line: string) => void, nowIso: () => string, base: LogFields = {}): Log {
  const write = (level: LogLevel, event: string, fields: LogFields = {}): void => {
    writeLine(JSON.stringify({ time: nowIso(), level, event, ...base, ...fields }));
  };
  return {
    info: (event, fields) => {
      write('info', event, fields);
    },
    warn: (event, fields) => {
      write('warn', event, fields);
    },
    error: (event, fields) => {
      write('error', event, fields);
    },
    with: (fields) => jsonLog(writeLine, nowIso, { ...base, ...fields }),
  };
}

export const silentLog: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLog,
};
