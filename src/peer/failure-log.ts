import type { ZeekwayError } from '../core/errors.js';
import { FAILURE_LOG_ENTRIES } from '../core/limits.js';

/** Remembers how each address failed last, so that a failure is reported once and not at each try. */
export class FailureLog {
  private readonly last = new Map<string, string>();

  /** Whether this failure of the address (a URL, a host) is another one than its last. */
  isNew(address: string, error: ZeekwayError): boolean {
    if (this.last.get(address) === error.code) return false;
    this.last.delete(address);
    this.last.set(address, error.code);
    const [oldest] = this.last.keys();
    if (this.last.size > FAILURE_LOG_ENTRIES && oldest !== undefined) this.last.delete(oldest);
    return true;
  }

  /** The address got through: its next failure is news. */
  succeeded(address: string): void {
    this.last.delete(address);
  }
}
