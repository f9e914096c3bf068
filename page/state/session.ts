import { signal } from '@preact/signals';

/** What belongs to this window and not to the URL. */

const TOKEN_KEY = 'zeekway-token';
const THEME_KEY = 'zeekway-theme';

function kept(storage: () => Storage, key: string): string {
  try {
    return storage().getItem(key) ?? '';
  } catch {
    // Storage can be forbidden.
    return '';
  }
}

function keep(storage: () => Storage, key: string, value: string): void {
  try {
    storage().setItem(key, value);
  } catch {
    // It lasts as long as the page then.
  }
}

/** The API token, for as long as the window is open. */
export const token = signal(kept(() => sessionStorage, TOKEN_KEY));
/** Why the API wants another token, if it does: there is none that is valid, or that may read. */
export const tokenWanted = signal<'' | 'unauthorized' | 'scope_missing'>('');
/** Changes when everything is to be asked again. */
export const round = signal(0);

export function takeToken(value: string): void {
  keep(() => sessionStorage, TOKEN_KEY, value);
  token.value = value;
  tokenWanted.value = '';
  round.value += 1;
}

export function refresh(): void {
  round.value += 1;
}

export type Theme = 'auto' | 'light' | 'dark';
const isTheme = (text: string): text is Theme => ['auto', 'light', 'dark'].includes(text);
const keptTheme = kept(() => localStorage, THEME_KEY);
export const theme = signal<Theme>(isTheme(keptTheme) ? keptTheme : 'auto');

export function takeTheme(value: Theme): void {
  keep(() => localStorage, THEME_KEY, value);
  theme.value = value;
  document.documentElement.dataset['theme'] = value;
}
document.documentElement.dataset['theme'] = theme.value;
