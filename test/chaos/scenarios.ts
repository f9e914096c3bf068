import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Load, Site, type SiteOptions } from './site.js';

/** How much is broken. */
export interface Extent {
  readonly load: Load;
  /** How often the gateway is killed. */
  readonly kills: number;
  /** How long the database is away, in milliseconds. */
  readonly awayMs: number;
}

export const SHORT: Extent = { load: { records: 30_000, rate: 6_000 }, kills: 3, awayMs: 2_000 };
export const LONG: Extent = { load: { records: 600_000, rate: 6_000 }, kills: 100, awayMs: 60_000 };

/** Something that goes wrong; @returns what is wrong in the end, nothing where all is well. */
export interface Scenario {
  readonly name: string;
  /** Why it cannot be played here, where it cannot. */
  readonly unable?: string | undefined;
  readonly play: (extent: Extent) => Promise<string[]>;
}

async function at(options: SiteOptions, work: (site: Site) => Promise<string[]>): Promise<string[]> {
  const site = await Site.open(options);
  try {
    return await work(site);
  } finally {
    await site.close();
  }
}

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? undefined : 'only root may mount a file system';

function has(command: string): boolean {
  const path = process.env['PATH'] ?? '';
  return path.split(':').some((folder) => {
    try {
      return readdirSync(folder).includes(command);
    } catch {
      return false;
    }
  });
}

const needs = (command: string): string | undefined =>
  has(command) ? undefined : `${command} is not installed`;

const random = (below: number): number => Math.floor(Math.random() * below);

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'the gateway is killed again and again',
    play: ({ kills, load }) =>
      at({}, (site) =>
        site.run({ ...load, records: Math.max(load.records, kills * 15_000) }, async () => {
          for (let kill = 0; kill < kills; kill++) {
            await sleep(random(1_500));
            await site.noteDurable();
            await sleep(random(150));
            await site.killGateway();
            await site.startGateway();
          }
        }),
      ),
  },
  {
    name: 'the database is stopped, crashes, and comes back',
    play: ({ awayMs, load }) =>
      at({}, (site) =>
        site.run({ ...load, records: Math.max(load.records, (awayMs / 1_000) * load.rate * 2) }, async () => {
          for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
            await sleep(1_000);
            await site.stopDatabase(signal);
            await sleep(awayMs / 2);
            await site.noteDurable();
            await site.startDatabase();
          }
        }),
      ),
  },
  {
    name: 'gateway and database are killed together',
    play: ({ kills, load }) =>
      at({}, (site) =>
        site.run(load, async () => {
          for (let kill = 0; kill < Math.ceil(kills / 10); kill++) {
            await sleep(500 + random(1_000));
            await site.noteDurable();
            await Promise.all([site.stopDatabase('SIGQUIT'), site.killGateway()]);
            await site.startDatabase();
            await site.startGateway();
          }
        }),
      ),
  },
  {
    name: 'connections to the database are cut',
    play: ({ load }) =>
      at({}, (site) =>
        site.run(load, async (isSending) => {
          while (isSending()) {
            await sleep(100);
            await site.db.queryPool
              .query(
                `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'zeekway' AND pid <> pg_backend_pid()`,
              )
              .catch(() => {
                // It cuts the connections of this process, too.
              });
          }
        }),
      ),
  },
  {
    name: 'the spool runs full while the database is away',
    play: ({ awayMs, load }) =>
      at({ serve: ['--spool-size', '1MiB', '--spool-sync-bytes', '128KiB'] }, async (site) => {
        let state = '';
        const found = await site.run(load, async () => {
          await sleep(500);
          await site.stopDatabase('SIGQUIT');
          const until = performance.now() + awayMs + 10_000;
          while (!/full/.test(state) && performance.now() < until) {
            await sleep(100);
            state = (await site.readiness()).checks.find(({ name }) => name === 'spool')?.detail ?? '';
          }
          await sleep(awayMs / 2);
          await site.startDatabase();
        });
        return /^full, and the peers are not read/.test(state)
          ? found
          : [...found, `the spool never was full: ${state}`];
      }),
  },
  {
    name: 'the disk of the spool runs full',
    unable: needsRoot,
    play: ({ awayMs, load }) =>
      at({ serve: ['--spool-sync-bytes', '256KiB'] }, async (site) => {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', site.spoolFolder]);
        try {
          let state = '';
          const found = await site.run(load, async () => {
            await sleep(500);
            await site.stopDatabase('SIGQUIT');
            const until = performance.now() + awayMs + 20_000;
            while (!/full/.test(state) && performance.now() < until) {
              await sleep(100);
              state = (await site.readiness()).checks.find(({ name }) => name === 'spool')?.detail ?? '';
            }
            await site.startDatabase();
          });
          return /the disk is full/.test(state) ? found : [...found, `the disk never was full: ${state}`];
        } finally {
          await site.killGateway();
          execFileSync('umount', ['-l', site.spoolFolder]);
        }
      }),
  },
  {
    name: 'the disk of the spool is slow',
    unable: needs('strace'),
    play: ({ load }) =>
      at(
        {
          wrapper: [
            'strace',
            '-f',
            '-qq',
            '--seccomp-bpf',
            '-o',
            '/dev/null',
            '-e',
            'trace=fdatasync',
            '-e',
            'inject=fdatasync:delay_exit=300000',
          ],
        },
        (site) => site.run(load, async () => {}),
      ),
  },
  {
    name: 'the clock jumps back and forth',
    unable: needs('faketime'),
    play: async ({ load }) => {
      const file = join('/tmp', `zeekway-clock-${process.pid}`);
      await writeFile(file, '+0');
      // faketime itself is only asked where its library is.
      const library = execFileSync('faketime', ['-f', '+0d', 'printenv', 'LD_PRELOAD']).toString().trim();
      const env = {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: '1',
        DONT_FAKE_MONOTONIC: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      };
      try {
        return await at({ env }, (site) =>
          site.run(load, async (isSending) => {
            for (let jump = 0; isSending(); jump++) {
              await sleep(500);
              await writeFile(file, ['+3600', '-86400', '+0', '-5'][jump % 4] ?? '+0');
            }
          }),
        );
      } finally {
        await rm(file);
      }
    },
  },
  {
    name: 'the peers flap',
    play: ({ load }) =>
      at({}, (site) =>
        site.run(load, async (isSending) => {
          while (isSending()) {
            await sleep(random(700));
            site.cutConnections();
          }
        }),
      ),
  },
];
