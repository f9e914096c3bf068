/** What the API answers; docs/api.md describes it. */

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
export type Row = { readonly [key: string]: Value };

export interface LogSummary {
  readonly path: string;
  readonly rows: number;
  readonly exact: boolean;
  readonly first?: string;
  readonly last?: string;
}

export interface Field {
  readonly name: string;
  readonly key: string;
  readonly column: string;
  readonly type: string;
  readonly sqlType: string;
}

export interface RowsAnswer {
  readonly rows: readonly Row[];
  readonly next?: string;
}

export interface HistogramAnswer {
  readonly from: string;
  readonly to: string;
  readonly width: number;
  readonly buckets: readonly { readonly time: string; readonly count: number }[];
  readonly series?: readonly { readonly value?: Value; readonly counts: readonly number[] }[];
  readonly other?: readonly number[];
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface CompletionAnswer extends Span {
  readonly items: readonly Suggestion[];
  readonly error?: { readonly message: string; readonly at: Span };
}

export interface Suggestion {
  readonly text: string;
  readonly kind: 'field' | 'operator' | 'value' | 'keyword' | 'recent';
  readonly detail: string;
}

export interface PivotAnswer {
  readonly logs: readonly { readonly path: string; readonly rows: readonly Row[]; readonly more: boolean }[];
}

export interface Peer {
  readonly node?: string;
  readonly address: string;
  readonly url?: string;
  readonly state: string;
  readonly lastError?: string;
  readonly messagesIn: number;
  readonly bytesIn: number;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}
