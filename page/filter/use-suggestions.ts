import { useEffect, useState } from 'preact/hooks';
import { apiUrl, askJson, Problem } from '../api/request.js';
import type { CompletionAnswer, Suggestion } from '../api/types.js';
import { storedList, storeList } from '../state/stored.js';

const RECENT_KEY = 'zeekway-recent';
const RECENT_MAX = 50;
/** Between two keys of somebody who writes: what is asked later than this is asked once. */
const PAUSE_MS = 60;

/** Remembers a filter that was applied. */
export function remember(filter: string): void {
  if (filter.trim() === '') return;
  const others = storedList(RECENT_KEY).filter((one) => one !== filter);
  storeList(RECENT_KEY, [filter, ...others].slice(0, RECENT_MAX));
}

const recent = (): Suggestion[] =>
  storedList(RECENT_KEY)
    .slice(0, 5)
    .map((text) => ({ text, kind: 'recent', detail: 'before' }));

export interface Suggestions {
  /** For what was written, and where: what was offered for something else must not be taken. */
  readonly text: string;
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly items: readonly Suggestion[];
}
export const NONE: Suggestions = { text: '', at: -1, from: 0, to: 0, items: [] };

/** What may be written at the cursor; nothing while `isOpen` is false. */
export function useSuggestions(log: string, text: string, at: number, isOpen: boolean): Suggestions {
  const [found, setFound] = useState(NONE);
  useEffect(() => {
    if (!isOpen || log === '') {
      setFound(NONE);
      return undefined;
    }
    const outdated = new AbortController();
    const timer = setTimeout(async () => {
      const path = `/v1/logs/${encodeURIComponent(log)}/complete`;
      try {
        const url = apiUrl(path, { filter: text, at: String(at) });
        const { from, to, items } = await askJson<CompletionAnswer>(url, outdated.signal);
        setFound({ text, at, from, to, items: text === '' ? [...recent(), ...items] : items });
      } catch (problem) {
        if (outdated.signal.aborted) return;
        // Whoever applies it is told what is wrong; here there is nothing to offer.
        if (!(problem instanceof Problem)) throw problem;
        setFound(NONE);
      }
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      outdated.abort();
    };
  }, [log, text, at, isOpen]);
  return found;
}
