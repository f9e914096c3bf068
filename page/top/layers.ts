import type { HistogramAnswer } from '../api/types.js';
import { valueText } from '../format.js';

/** How many values have a colour of their own: theme.css has `--series-1` to `--series-5`. */
export const SERIES = 5;

/** One colour of the bars. */
export interface Layer {
  readonly name: string;
  /** Of the stylesheet. */
  readonly colour: string;
  readonly counts: readonly number[];
}

/** What the bars are made of, from the bottom: each value that is told apart, then all others. */
export function layersOf({ buckets, series, other }: HistogramAnswer, type: string): Layer[] {
  if (!series) return [{ name: 'all', colour: '--accent', counts: buckets.map(({ count }) => count) }];
  const told = series.map(({ value, counts }, index) => ({
    name: valueText(value, type),
    colour: `--series-${index + 1}`,
    counts,
  }));
  return other ? [...told, { name: 'all others', colour: '--series-other', counts: other }] : told;
}

/** How high each layer reaches: its own counts on those below. */
export function stacked(layers: readonly Layer[]): number[][] {
  const heights: number[][] = [];
  for (const { counts } of layers) {
    const below = heights.at(-1);
    heights.push(counts.map((count, index) => count + (below?.[index] ?? 0)));
  }
  return heights;
}
