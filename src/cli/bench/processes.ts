import { readdir, readFile } from 'node:fs/promises';
import type pg from 'pg';

/** What processes use, as far as the system tells: Linux does, in /proc. */

/** Linux counts processor time in these, on all machines that Node runs on (USER_HZ). */
const TICK_MICROS = 10_000;

interface Stat {
  readonly parent: number;
  readonly micros: number;
  /** Of children that have ended. */
  readonly endedMicros: number;
}

async function readStat(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // proc(5): the name in parentheses may hold anything; behind it come the state, the parent, ...
  const fields = text
    ?.slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  if (fields === undefined) return undefined;
  const [, parent = 0] = fields;
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11);
  return {
    parent,
    micros: (user + system) * TICK_MICROS,
    endedMicros: (endedUser + endedSystem) * TICK_MICROS,
  };
}

/** Processor time of a process so far. */
export const cpuMicros = async (pid: number): Promise<number | undefined> => (await readStat(pid))?.micros;

/** Resident memory in bytes, and the most it ever was. */
export async function residentBytes(pid: number): Promise<{ now: number; most: number } | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => undefined);
  const bytes = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text ?? '')?.[1]);
  const found = { now: bytes('VmRSS'), most: bytes('VmHWM') };
  return Number.isNaN(found.now) ? undefined : found;
}

/** The PostgreSQL server behind a connection, where its processes can be seen from here. */
export class ServerProcesses {
  private constructor(
    private readonly postmaster: number,
    /** The process of the connection that asks: what it does is not to be counted. */
    private readonly own: number,
  ) {}

  /** `undefined` where the server runs elsewhere. */
  static async find(client: pg.Client): Promise<ServerProcesses | undefined> {
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid, current_database() AS database');
    const { pid, database } = rows[0];
    // It could be another process of the same number on this machine: PostgreSQL's say what they serve.
    const title = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    const stat = await readStat(pid);
    if (!title.startsWith('postgres: ') || !title.includes(` ${database} `) || !stat) return undefined;
    return new ServerProcesses(stat.parent, pid);
  }

  /** Processor time of all its processes so far, those that ended included. */
  async cpuMicros(): Promise<number> {
    const names = await readdir('/proc');
    const stats = await Promise.all(
      names
        .map(Number)
        .filter((pid) => pid > 0 && pid !== this.own)
        .map(readStat),
    );
    const server = await readStat(this.postmaster);
    return stats.reduce(
      (sum, stat) => (stat?.parent === this.postmaster ? sum + stat.micros : sum),
      (server?.micros ?? 0) + (server?.endedMicros ?? 0),
    );
  }
}
