import { useEffect, useState } from 'preact/hooks';
import { round, token, tokenWanted } from '../state/session.js';
import type { Span } from './types.js';

/** An error as the API tells it, or that it could not be reached. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly action = '',
    readonly at?: Span,
  ) {
    super(message);
  }
}

/** A GET of the API. Throws `Problem`. */
export async function ask(url: string, signal: AbortSignal): Promise<Response> {
  const headers: HeadersInit = token.value === '' ? {} : { authorization: `Bearer ${token.value}` };
  let response: Response;
  try {
    response = await fetch(url, { headers, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem(
      'The gateway cannot be reached.',
      0,
      'unreachable',
      'Is it running? This page asks again.',
    );
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  // What the page asks for needs no more than to read.
  if (problem.code === 'unauthorized' || problem.code === 'scope_missing') tokenWanted.value = problem.code;
  throw problem;
}

async function problemOf(response: Response): Promise<Problem> {
  const { status } = response;
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('application/problem+json'))
    return new Problem(`The answer is a ${status}.`, status, '');
  const { detail, code, action, at } = await response.json();
  return new Problem(detail, status, code, action, at);
}

/** An answer of the API as JSON. Throws `Problem`. */
export async function askJson<T>(url: string, signal: AbortSignal): Promise<T> {
  return (await ask(url, signal)).json();
}

export interface Loaded<T> {
  /** Of the last answer, also while the next one is waited for. */
  readonly data?: T;
  /** The URL that `data` answers. */
  readonly of?: string;
  readonly problem?: Problem;
  readonly isLoading: boolean;
}

/** Until it is asked again where the gateway, or its database, was away. */
const AGAIN_MS = 5_000;
/** A query that takes too long does so again. */
const isPassing = ({ status, code }: Problem): boolean =>
  (status === 0 || status >= 500) && code !== 'query_timeout';

/**
 * The answer to a GET: asked again when the URL changes (what was asked before is cancelled then: the gateway cancels its
 * query, too) and every `everyMs`, while somebody looks. Nothing is asked without a URL.
 */
export function useAnswer<T>(url: string | undefined, everyMs?: number): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ isLoading: url !== undefined });
  const asked = round.value;
  // `asked` is there to ask again.
  useEffect(() => {
    if (url === undefined) return undefined;
    const outdated = new AbortController();
    let again: ReturnType<typeof setTimeout> | undefined;
    const load = async (): Promise<void> => {
      try {
        const data = await askJson<T>(url, outdated.signal);
        if (!outdated.signal.aborted) setLoaded({ data, of: url, isLoading: false });
      } catch (problem) {
        if (outdated.signal.aborted) return;
        if (!(problem instanceof Problem)) throw problem;
        if (isPassing(problem)) again = setTimeout(load, AGAIN_MS);
        // This gateway has no such route, and will have none.
        if (problem.status === 404) clearInterval(timer);
        setLoaded((before) => ({ ...answered(before), problem, isLoading: false }));
      }
    };
    setLoaded((before) => ({ ...answered(before), isLoading: true }));
    const timer = everyMs && setInterval(() => document.hidden || void load(), everyMs);
    void load();
    return () => {
      clearInterval(timer);
      clearTimeout(again);
      outdated.abort();
    };
  }, [url, everyMs, asked]);
  return loaded;
}

/** What stays while the next answer is waited for. */
const answered = <T>({ data, of }: Loaded<T>): Pick<Loaded<T>, 'data' | 'of'> =>
  data !== undefined && of !== undefined ? { data, of } : {};

/** A URL of the API with the parameters that are there. */
export function apiUrl(path: string, parameters: Readonly<Record<string, string | undefined>> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}
