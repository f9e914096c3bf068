import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { projectFile } from '../support/project.js';

export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A running `zeekway` process with what it printed so far. */
export class Zeekway {
  out = '';
  err = '';
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;

  constructor(t: ExecutionContext, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => name !== 'DATABASE_URL' && !name.startsWith('ZEEKWAY_')),
    );
    this.child = spawn(process.execPath, [projectFile('build/src/cli/main.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, ...env },
    });
    this.exited = once(this.child, 'close');
    this.child.stdout?.on('data', (chunk) => {
      this.out += chunk;
    });
    this.child.stderr?.on('data', (chunk) => {
      this.err += chunk;
    });
    t.teardown(async () => {
      this.child.kill('SIGKILL');
      await this.exited;
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async end(): Promise<Run> {
    await this.exited;
    return { code: this.child.exitCode, out: this.out, err: this.err };
  }
}

/** Runs `zeekway` to its end. */
export const zeekway = (
  t: ExecutionContext,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Run> => new Zeekway(t, args, env).end();
