import { useEffect, useRef } from 'preact/hooks';

const KEYS: readonly (readonly [key: string, what: string])[] = [
  ['/', 'to the filter'],
  ['Tab', 'in the filter: take the first suggestion'],
  ['↑ ↓', 'in the filter: choose a suggestion'],
  ['Enter', 'apply the filter; open the row'],
  ['j k', 'next row, row before'],
  ['Esc', 'close what is open'],
  ['?', 'this help'],
];
const EXAMPLES = [
  'service == "dns" && duration > 1min',
  'id.orig_h in 10.0.0.0/8 && id.resp_p !in {80, 443}',
  'host ~ /\\.ru$/ || "evil" in uri',
  'any addr == 192.0.2.7',
  '!service && orig_bytes >= 10MB',
];

interface HelpProps {
  isOpen: boolean;
  onOpen: () => void;
  onClose: () => void;
}

/** Keys and the query language in short. */
export function Help({ isOpen, onOpen, onClose }: HelpProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === '?' && !(event.target as HTMLElement).matches('input, select')) onOpen();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [onOpen]);
  return (
    <dialog ref={dialog} aria-labelledby="help-title" onClose={onClose}>
      <h2 id="help-title">Keys</h2>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h2>Filters</h2>
      <ul>
        {EXAMPLES.map((example) => (
          <li key={example}>
            <code>{example}</code>
          </li>
        ))}
      </ul>
      <p class="note">
        Times are UTC. The address of the page has all that is shown: send it to a colleague.
      </p>
      <form method="dialog">
        <button type="submit" class="primary">
          Close
        </button>
      </form>
    </dialog>
  );
}
