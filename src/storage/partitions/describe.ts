import { dayText } from './day.js';
import type { Done, PassReport } from './pass.js';

const days = ({ days: numbers = [] }: Done): string => numbers.map(dayText).join(', ');

/** What is worth telling: summarizing and analyzing goes on all the time. */
function text(done: Done): string | undefined {
  switch (done.step) {
    case 'make':
      return `made ${days(done)}`;
    case 'move':
      return `made ${days(done)} and moved ${done.rows} rows there`;
    case 'drop':
      return `dropped ${days(done)}`;
    case 'delete':
      return `deleted ${done.rows} old rows of the default partition`;
    case 'index':
      return `added indexes to ${done.partition}`;
    case 'seal':
      return `sealed ${done.partition}`;
    default:
      return undefined;
  }
}

/** What a pass did, a line for each log. */
export function describePass({ done }: PassReport): Map<string, string> {
  const lines = new Map<string, string>();
  for (const one of done) {
    const what = text(one);
    if (what === undefined) continue;
    const before = lines.get(one.path);
    lines.set(
      one.path,
      before === undefined ? `partitions of log "${one.path}": ${what}` : `${before}; ${what}`,
    );
  }
  return lines;
}
