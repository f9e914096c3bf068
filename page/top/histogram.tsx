import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Loaded } from '../api/request.js';
import type { HistogramAnswer } from '../api/types.js';
import { compact, number, width } from '../format.js';
import { theme } from '../state/session.js';
import { brush, resetBrush } from '../state/view.js';

const HEIGHT = 104;
/** A click that trembled is no brush. */
const BRUSH_PIXELS = 4;

/** How many rows there are over time. Drawing over it chooses the times; a double click goes back. */
export function Histogram({ loaded }: { loaded: Loaded<HistogramAnswer> }) {
  const { data, isLoading, problem } = loaded;
  const box = useRef<HTMLDivElement>(null);
  const chosen = theme.value;
  const total = data?.buckets.reduce((sum, { count }) => sum + count, 0) ?? 0;
  // another theme has other colours.
  useEffect(() => {
    const element = box.current;
    if (!element || !data || data.buckets.length === 0) return undefined;
    const plot = draw(element, data);
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
  }, [data, chosen]);
  const told = data
    ? `${number(total)} rows${data.width > 0 ? `, a bar is ${width(data.width)}` : ''}`
    : 'Rows over time';
  return (
    <section class="histogram" aria-label="Rows over time" aria-busy={isLoading}>
      <p class="note">
        <span>{problem ? problem.message : told}</span>
        <span class="hint">draw to zoom, double click to go back</span>
      </p>
      <div ref={box} class="plot" role="img" aria-label={told} />
    </section>
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

function draw(element: HTMLElement, { buckets, width: seconds }: HistogramAnswer): uPlot {
  const times = buckets.map(({ time }) => Date.parse(time) / 1_000);
  const counts = buckets.map(({ count }) => count);
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
        {
          stroke: () => colour('--accent'),
          fill: () => colour('--accent'),
          width: 0,
          points: { show: false },
          ...(bars && { paths: bars }),
        },
      ],
      axes: [
        { ...axis, size: 24, grid: { show: false } },
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
            const bucket = idx === null || idx === undefined ? undefined : buckets[idx];
            root.title = bucket
              ? `${bucket.time.slice(0, 19).replace('T', ' ')} UTC: ${number(bucket.count)}`
              : '';
          },
        ],
      },
    },
    [times, counts],
    element,
  );
}
