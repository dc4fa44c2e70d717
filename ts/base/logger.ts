// What the host program may give us to write logs with, and the silence we keep without it.

type TLogMethod = (fields: object, message: string) => void;

/**
 * Receives the library's log lines. Each method is called with an object of fields and a short message; pino fits as
 * it is. Methods are called on the data path: they must not block. What they throw is swallowed.
 */
export interface ILogger {
  debug: TLogMethod;
  info: TLogMethod;
  warn: TLogMethod;
  error: TLogMethod;
}

const ignore = () => {};

/** The default: the library writes nothing. */
export const silentLogger: ILogger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Wraps a host's logger so that what it throws or rejects with never reaches the data path or the event loop. */
export function guardLogger(logger: ILogger): ILogger {
  const guarded =
    (level: keyof ILogger): TLogMethod =>
    (fields, message) => {
      try {
        const result: unknown = logger[level](fields, message);
        if (result instanceof Promise) result.catch(ignore);
      } catch {
        // A logger that throws loses its line, nothing else.
      }
    };
  return { debug: guarded('debug'), info: guarded('info'), warn: guarded('warn'), error: guarded('error') };
}
