import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { errorLine, ZeekwayError } from '../core/errors.js';
import type { Logger as PlainLogger } from '../core/logger.js';
import type { LogLevel } from './config/keys.js';
import { ConfigError } from './config/problems.js';

/** Log lines on standard error: for people where that is a terminal, else JSON. */
export function createLogger(level: LogLevel): Logger {
  const stream = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' })
    : pino.destination({ dest: 2, sync: true });
  return pino({ level, base: null }, stream);
}

/** What a shell reports for a process that Ctrl-C ended. */
export const EXIT_INTERRUPTED = 130;

/** Where a command talks to people; the process's own streams but in tests. */
export interface Terminal {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** For programs, on standard output. */
export const printJson = ({ out }: Terminal, value: object): void => out(JSON.stringify(value, undefined, 2));

/** The log of a command that people wait for: warnings and errors as lines for them. */
export const terminalLogger = ({ err }: Terminal): PlainLogger => ({
  info: () => {},
  warn: (_fields, message) => err(`zeekway: warning: ${message}`),
  error: (_fields, message) => err(`zeekway: ${message}`),
});

/** Tells an error and what to do about it; of what is none of ours where it came from. */
export function tellError({ err }: Terminal, error: unknown): void {
  if (error instanceof ConfigError) for (const line of error.lines) err(`zeekway: ${line} [${error.code}]`);
  else err(`zeekway: ${errorLine(error)}`);
  if (error instanceof ZeekwayError) err(`  ${error.action}`);
  else if (error instanceof Error && error.stack) err(error.stack);
}
