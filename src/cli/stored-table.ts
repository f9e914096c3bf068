import Table from 'cli-table3';

/** The table of what a replay stored: log paths, events and the rest, with their numbers of rows. */
export function storedTable(rows: Readonly<Record<string, number>>): string {
  const table = new Table({
    head: ['log', 'rows'],
    colAligns: ['left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  const names = Object.keys(rows).sort();
  for (const name of names) table.push([name, String(rows[name])]);
  table.push(['total', String(names.reduce((sum, name) => sum + (rows[name] ?? 0), 0))]);
  return table.toString();
}
