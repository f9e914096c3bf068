/** Lists that outlive the page, in the browser's storage. */

/** A list of texts; empty where there is none, or where the browser keeps nothing. */
export function storedList(key: string): string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  } catch {
    // Storage can be forbidden, and anybody can write to it: the page works without.
    return [];
  }
}

/** Keeps a list, where the browser lets it. */
export function storeList(key: string, list: readonly string[]): void {
  try {
    localStorage.setItem(key, JSON.stringify(list));
  } catch {
    // Full or forbidden: it lasts as long as the page then.
  }
}
