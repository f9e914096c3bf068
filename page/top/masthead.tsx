import { refresh, type Theme, takeTheme, theme } from '../state/session.js';

const THEMES: Readonly<Record<Theme, { readonly name: string; readonly next: Theme }>> = {
  auto: { name: 'Theme: as the system', next: 'dark' },
  dark: { name: 'Theme: dark', next: 'light' },
  light: { name: 'Theme: light', next: 'auto' },
};

/** The head of the page. */
export function Masthead({ onHelp }: { onHelp: () => void }) {
  const { name, next } = THEMES[theme.value];
  return (
    <header class="masthead">
      <h1>zeekway</h1>
      <span class="grow" />
      <button type="button" class="quiet" onClick={refresh}>
        Refresh
      </button>
      <button type="button" class="quiet" onClick={() => takeTheme(next)}>
        {name}
      </button>
      <a href="/docs">API</a>
      <button type="button" class="quiet" onClick={onHelp}>
        Help <kbd>?</kbd>
      </button>
    </header>
  );
}
