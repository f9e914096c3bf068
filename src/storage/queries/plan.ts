import type { Query } from './query.js';

/** What the planner expects of a SELECT: its cost, in the planner's units, and how many rows it gives. */
export async function planOf(
  query: Query,
  select: string,
  values: readonly (string | readonly string[])[] = [],
): Promise<{ cost: number; rows: number }> {
  const [row] = await query(`EXPLAIN (FORMAT JSON) ${select}`, values);
  const [explained] = JSON.parse(String(row?.[0])) as {
    Plan?: { 'Total Cost': number; 'Plan Rows': number };
  }[];
  return {
    cost: explained?.Plan?.['Total Cost'] ?? Number.POSITIVE_INFINITY,
    rows: explained?.Plan?.['Plan Rows'] ?? 0,
  };
}
