import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel } from './options.js';

/** Log lines on standard error: for people where that is a terminal, else JSON. */
export function createLogger(level: LogLevel): Logger {
  const stream = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' })
    : pino.destination({ dest: 2, sync: true });
  return pino({ level, base: null }, stream);
}
