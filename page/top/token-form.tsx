import { takeToken, token, tokenWanted } from '../state/session.js';

function told(): string {
  if (tokenWanted.value === 'scope_missing') return 'This token may not read.';
  return token.value === '' ? 'The API asks for a token.' : 'The API does not take this token.';
}

/** Asks for the token that the API asks for. It is kept for as long as this window is open. */
export function TokenForm() {
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    takeToken(String(form.get('token') ?? '').trim());
  };
  return (
    <form class="token" onSubmit={onSubmit}>
      <label for="token">{told()}</label>
      <input id="token" name="token" type="password" placeholder="zk_…" autocomplete="off" required />
      <button type="submit" class="primary">
        Use it
      </button>
      <small>It stays in this window.</small>
    </form>
  );
}
