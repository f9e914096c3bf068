import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { type Home, runAs } from './home.js';

/**
 * The guard keeps the embedded server from outliving those who use it.
 *
 * Every zeekway that uses a data folder holds the writing end of a FIFO in it and never writes. A small
 * shell process, the guard, runs the server as its child and holds the reading end: it reads end-of-file
 * when the last zeekway has closed the FIFO, and the kernel closes it for those that were killed, too.
 * Then the guard stops the server (SIGINT: PostgreSQL's fast shutdown). Opening the FIFO for writing
 * without blocking fails with ENXIO exactly when there is no guard: so whoever comes next knows whether to
 * join a running server or to start one.
 */
const GUARD = `
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ read -r nothing <&3; kill -INT $server; } &
watch=$!
exec 3<&-
wait $server
code=$?
kill $watch 2>/dev/null
exit $code
`;

const fifoOf = (home: Home): string => join(home.folder, 'users');

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** A hold on the running server: as long as it is open, the guard lets the server run. */
export type Hold = number;

/** Joins the users of a guarded server; `undefined` when no guard is there. */
export function joinUsers(home: Home): Hold | undefined {
  try {
    return openSync(fifoOf(home), constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENXIO') || hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whether a guard is there now. */
export function isGuarded(home: Home): boolean {
  const hold = joinUsers(home);
  if (hold !== undefined) closeSync(hold);
  return hold !== undefined;
}

/** Node has no call for it. Two that start at once may both try. */
function makeFifo(fifo: string, home: Home): void {
  try {
    if (!existsSync(fifo)) execFileSync('mkfifo', ['-m', '600', fifo], { ...home.account.ids, cwd: '/' });
  } catch (error) {
    if (!existsSync(fifo)) throw error;
  }
}

export interface GuardedServer {
  readonly hold: Hold;
  readonly guard: ChildProcess;
}

/**
 * Starts the server under a guard. From the first moment on it ends when we do.
 * @param logFile descriptor that takes what the server writes
 */
export function startGuarded(home: Home, command: readonly string[], logFile: number): GuardedServer {
  const fifo = fifoOf(home);
  makeFifo(fifo, home);
  // An end that does not block lets the other be opened; the guard's own must block when it reads.
  const probe = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const hold = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  const reading = openSync(fifo, constants.O_RDONLY);
  closeSync(probe);
  const guard = spawn('/bin/sh', ['-c', GUARD, 'zeekway-guard', ...command], {
    ...runAs(home.account),
    // Its own session: Ctrl-C in our terminal must not stop the database before we have drained into it.
    detached: true,
    stdio: [reading, logFile, logFile],
  });
  guard.unref();
  closeSync(reading);
  return { hold, guard };
}
