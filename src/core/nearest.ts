/** Edit distance (Levenshtein): how many letters to insert, drop or replace. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, replaced));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** Longer names are not typed by hand, and comparing them would cost. */
const LONGEST_NAME = 64;

/** The candidate most like `name`, `undefined` where none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  if (name.length > LONGEST_NAME) return undefined;
  const lower = name.toLowerCase();
  return candidates
    .filter((candidate) => candidate.length <= LONGEST_NAME)
    .map((candidate) => ({
      candidate,
      edits: distance(lower, candidate.toLowerCase()),
      exactEdits: distance(name, candidate),
    }))
    .filter(({ candidate, edits }) => edits <= Math.max(2, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.edits - b.edits || a.exactEdits - b.exactEdits)[0]?.candidate;
}

/** `; did you mean "x"?` for the candidate most like `name`, empty where none is near. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}
