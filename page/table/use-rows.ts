import { useEffect, useRef, useState } from 'preact/hooks';
import { askJson, Problem } from '../api/request.js';
import type { Row, RowsAnswer } from '../api/types.js';
import { round } from '../state/session.js';

export interface Rows {
  readonly rows: readonly Row[];
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly problem?: Problem;
  /** Loads the next page, unless that is under way. */
  readonly more: () => void;
}

interface State {
  readonly rows: readonly Row[];
  readonly next?: string;
  readonly isLoading: boolean;
  readonly problem?: Problem;
}

/** The rows behind a URL, page by page; what is outdated is cancelled. */
export function useRows(url: string | undefined): Rows {
  const [state, setState] = useState<State>({ rows: [], isLoading: true });
  const outdated = useRef(new AbortController());
  const isBusy = useRef(false);
  const asked = round.value;

  const load = async (page: string, before: readonly Row[]): Promise<void> => {
    const { signal } = outdated.current;
    isBusy.current = true;
    try {
      const { rows, next } = await askJson<RowsAnswer>(page, signal);
      if (!signal.aborted) setState({ rows: [...before, ...rows], isLoading: false, ...(next && { next }) });
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof Problem)) throw problem;
      // What was there before stays: a mistake in a filter empties no table.
      setState(({ rows }) => ({ rows, isLoading: false, problem }));
    } finally {
      if (!signal.aborted) isBusy.current = false;
    }
  };

  // `asked` is there to ask again.
  useEffect(() => {
    outdated.current.abort();
    outdated.current = new AbortController();
    if (url === undefined) return undefined;
    setState(({ rows }) => ({ rows, isLoading: true }));
    void load(url, []);
    return () => outdated.current.abort();
  }, [url, asked]);

  const { rows, next, isLoading, problem } = state;
  const more = (): void => {
    if (next === undefined || isBusy.current) return;
    setState({ rows, next, isLoading: true });
    void load(next, rows);
  };
  return { rows, hasMore: next !== undefined, isLoading, ...(problem && { problem }), more };
}
