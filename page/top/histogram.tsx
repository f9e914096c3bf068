import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Loaded } from '../api/request.js';
import type { Field, HistogramAnswer } from '../api/types.js';
import { compact, number, timeTexts, width } from '../format.js';
import { splitFields } from '../state/defaults.js';
import { theme } from '../state/session.js';
import { brush, resetBrush, update, view } from '../state/view.js';
import { type Layer, layersOf, stacked } from './layers.js';

const HEIGHT = 104;
/** A click that trembled is no brush. */
const BRUSH_PIXELS = 4;

interface HistogramProps {
  loaded: Loaded<HistogramAnswer>;
  fields: readonly Field[];
}

/**
 * How many rows there are over time, in colours of the values of a field where one is chosen. Drawing over it chooses the
 * times; a double click goes back.
 */
export function Histogram({ loaded, fields }: HistogramProps) {
  const { data, isLoading, problem } = loaded;
  const box = useRef<HTMLDivElement>(null);
  const chosen = theme.value;
  const total = sumOf(data?.buckets.map(({ count }) => count) ?? []);
  const { split } = view.value;
  const type = fields.find(({ name }) => name === split)?.type ?? '';
  const layers = useMemo(() => (data ? layersOf(data, type) : []), [data, type]);
  // another theme has other colours.
  useEffect(() => {
    const element = box.current;
    if (!element || !data || data.buckets.length === 0) return undefined;
    const plot = draw(element, data, layers);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const recolour = (): void => plot.redraw(false);
    scheme.addEventListener('change', recolour);
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', recolour);
      plot.destroy();
    };
  }, [data, layers, chosen]);
  const told = data
    ? `${number(total)} ${total === 1 ? 'row' : 'rows'}${data.width > 0 ? `, a bar is ${width(data.width)}` : ''}`
    : 'Rows over time';
  return (
    <section class="histogram" aria-label="Rows over time" aria-busy={isLoading}>
      <p class="note">
        <span>{problem ? problem.message : told}</span>
        <SplitMenu split={split} fields={fields} />
        <span class="hint">draw to zoom, double click to go back</span>
      </p>
      <div ref={box} class="plot" role="img" aria-label={told} />
      {data?.series && <Legend layers={layers} />}
    </section>
  );
}

function SplitMenu({ split, fields }: { split: string; fields: readonly Field[] }) {
  const names = splitFields(fields);
  // A link may name any field.
  const offered = split === '' || names.includes(split) ? names : [...names, split];
  return (
    <label>
      Split by{' '}
      <select value={split} onChange={({ currentTarget }) => update({ split: currentTarget.value })}>
        <option value="">nothing</option>
        {offered.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** Which colour is what, in the order of the bars from the bottom. */
function Legend({ layers }: { layers: readonly Layer[] }) {
  return (
    <ul class="legend" aria-label="Colours">
      {layers.map(({ name, colour: variable, counts }) => (
        <li key={variable}>
          <i style={{ '--colour': `var(${variable})` }} />
          <span>{name}</span> <small>{number(sumOf(counts))}</small>
        </li>
      ))}
    </ul>
  );
}

/** What a colour of the stylesheet is now. */
function colour(name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function draw(
  element: HTMLElement,
  { buckets, series, width: seconds }: HistogramAnswer,
  layers: readonly Layer[],
): uPlot {
  const times = buckets.map(({ time }) => Date.parse(time) / 1_000);
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const bars = uPlot.paths.bars?.({ align: 1, size: [0.92, 60], gap: 0 });
  const axis: uPlot.Axis = {
    stroke: () => colour('--muted'),
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      tzDate: (time) => uPlot.tzDate(new Date(time * 1_000), 'Etc/UTC'),
      legend: { show: false },
      padding: [6, 4, 0, 0],
      scales: {
        x: { range: () => [first, last + Math.max(seconds, 0.001)] },
        y: { range: (_plot, _least, most) => [0, Math.max(1, most)] },
      },
      cursor: { y: false, drag: { setScale: false, x: true, y: false }, points: { show: false } },
      series: [
        {},
        // The highest first: each covers the lower part of the one before.
        ...layers.toReversed().map(({ colour: variable }) => ({
          stroke: () => colour(variable),
          fill: () => colour(variable),
          width: 0,
          points: { show: false },
          ...(bars && { paths: bars }),
        })),
      ],
      axes: [
        {
          ...axis,
          size: 24,
          space: 80,
          grid: { show: false },
          values: (_plot, ticks, _axis, _space, step) => timeTexts(ticks, step),
        },
        {
          ...axis,
          size: 44,
          space: 28,
          values: (_plot, ticks) => ticks.map((tick) => (tick % 1 === 0 ? compact(tick) : '')),
        },
      ],
      hooks: {
        setSelect: [
          (plot) => {
            const { left, width: pixels } = plot.select;
            if (pixels < BRUSH_PIXELS) return;
            const at = (place: number): string => new Date(plot.posToVal(place, 'x') * 1_000).toISOString();
            brush(at(left), at(left + pixels));
          },
        ],
        ready: [(plot) => plot.over.addEventListener('dblclick', resetBrush)],
        setCursor: [
          ({ cursor: { idx }, root }) => {
            const at = idx ?? -1;
            const bucket = buckets[at];
            const parts = layers.flatMap(({ name, counts }) =>
              series && counts[at] ? `\n${name}: ${number(counts[at])}` : [],
            );
            root.title = bucket
              ? `${bucket.time.slice(0, 19).replace('T', ' ')} UTC: ${number(bucket.count)}${parts.join('')}`
              : '';
          },
        ],
      },
    },
    [times, ...stacked(layers).toReversed()],
    element,
  );
}
