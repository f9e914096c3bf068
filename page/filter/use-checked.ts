import { useRef } from 'preact/hooks';
import { apiUrl, Problem, useAnswer } from '../api/request.js';
import type { CompletionAnswer } from '../api/types.js';

/** Where the API says whether a filter is one. At the first character, where no values have to be looked up. */
export const checkUrl = (log: string, filter: string): string =>
  apiUrl(`/v1/logs/${encodeURIComponent(log)}/complete`, { filter, at: '0' });

interface Checked {
  /** The last filter that is one; `undefined` where there was none yet. */
  readonly filter?: string;
  readonly problem?: Problem;
}

/** A filter is asked about once, before anything is asked with it: until it is known to be one, the one before stays. */
export function useChecked(log: string, filter: string): Checked {
  const url = filter.trim() === '' ? undefined : checkUrl(log, filter);
  const { data, of, problem } = useAnswer<CompletionAnswer>(url);
  const last = useRef<string | undefined>(undefined);
  const error = url !== undefined && of === url ? data?.error : undefined;
  if (url === undefined || (of === url && !error)) last.current = filter;
  const wrong = error ? new Problem(error.message, 400, 'filter_invalid', '', error.at) : problem;
  return {
    ...(last.current !== undefined && { filter: last.current }),
    ...(url !== undefined && wrong && { problem: wrong }),
  };
}
