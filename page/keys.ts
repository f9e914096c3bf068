import { useEffect } from 'preact/hooks';

interface Actions {
  /** The next row, or the one before. */
  move: (step: number) => void;
  /** After a move: where a row is open, the new one is. */
  follow: (step: number) => void;
  open: () => void;
  close: () => void;
}

/** Where keys write. */
const isWriting = ({ target }: Event): boolean =>
  target instanceof HTMLElement && target.matches('input:not([type=checkbox]), select, textarea');

/** The keys of the table; `/` goes to the filter. */
export function useKeys(actions: Actions): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
      if (event.key === 'Escape') actions.close();
      if (isWriting(event)) return;
      if (event.key === '/') {
        event.preventDefault();
        document.getElementById('filter')?.focus();
      }
      if (event.key === 'j' || event.key === 'k') {
        const step = event.key === 'j' ? 1 : -1;
        actions.move(step);
        actions.follow(step);
      }
      // A button does what it says.
      if (event.key === 'Enter' && !(event.target instanceof HTMLButtonElement)) actions.open();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });
}
