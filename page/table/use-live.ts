import { useEffect, useRef, useState } from 'preact/hooks';
import { apiUrl, Problem } from '../api/request.js';
import { tailEvents } from '../api/stream.js';
import type { Row } from '../api/types.js';
import { round } from '../state/session.js';

/** A row of the table, or a place where rows are missing. */
export type Entry = { readonly row: Row } | { readonly dropped: number };

/** Rows that a tail keeps: what is older is a query. */
const KEPT = 5_000;
/** Rows come in bunches: the table changes a few times a second, however many there are. */
const SHOW_MS = 200;
/** After the connection was lost. */
const AGAIN_MS = 2_000;

export interface Live {
  /** Newest first. */
  readonly entries: readonly Entry[];
  readonly isPaused: boolean;
  /** Entries that came since the pause. */
  readonly waiting: number;
  readonly problem?: Problem;
  readonly isConnected: boolean;
  readonly pause: () => void;
}

interface State {
  readonly entries: readonly Entry[];
  readonly waiting: number;
}

/** Rows as they come, while `isOn`. */
export function useLive(log: string, filter: string, isOn: boolean): Live {
  const [state, setState] = useState<State>({ entries: [], waiting: 0 });
  const [isPaused, setPaused] = useState(false);
  const [link, setLink] = useState<{ isConnected: boolean; problem?: Problem }>({ isConnected: false });
  const fresh = useRef<Entry[]>([]);
  const paused = useRef(false);
  const asked = round.value;

  const show = (): void => {
    if (fresh.current.length === 0) return;
    if (paused.current) {
      setState(({ entries }) => ({ entries, waiting: fresh.current.length }));
      return;
    }
    const came = fresh.current.splice(0).reverse();
    setState(({ entries }) => ({ entries: [...came, ...entries].slice(0, KEPT), waiting: 0 }));
  };

  // `asked` is there to ask again.
  useEffect(() => {
    fresh.current = [];
    setState({ entries: [], waiting: 0 });
    setPaused(false);
    paused.current = false;
    if (!isOn || log === '') return undefined;
    const ended = new AbortController();
    const timer = setInterval(show, SHOW_MS);
    void follow(apiUrl('/v1/tail', { log, filter }), ended.signal);
    return () => {
      clearInterval(timer);
      ended.abort();
    };
  }, [log, filter, isOn, asked]);

  const follow = async (url: string, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      try {
        for await (const came of tailEvents(url, signal, () => setLink({ isConnected: true }))) {
          fresh.current.push(came.event === 'row' ? { row: came.row } : { dropped: came.dropped });
          if (fresh.current.length > KEPT) fresh.current.shift();
        }
        setLink({ isConnected: false });
      } catch (problem) {
        if (signal.aborted) return;
        if (!(problem instanceof Problem)) setLink({ isConnected: false });
        else setLink({ isConnected: false, problem });
        // A mistake stays one.
        if (problem instanceof Problem && problem.status >= 400 && problem.status < 500) return;
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  };

  const pause = (): void => {
    paused.current = !paused.current;
    setPaused(paused.current);
    show();
  };
  return { ...state, isPaused, ...link, pause };
}
