/** Asks for a token where none was brought along, or the controller refused it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { useWorld } from './state/world.ts';

export function SignIn({ reason }: { readonly reason: string }) {
  const { connect, hasToken } = useWorld();
  // Who brought no token was refused nothing.
  const refused = hasToken();
  const [token, setToken] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    if (token.trim() !== '') connect(token.trim());
  };
  return (
    <form class="sign-in" onSubmit={submit}>
      <h1>Sign in</h1>
      <p>
        The controller asks for an access token. The address that <code>fettle up</code> and{' '}
        <code>fettle controller</code> print holds one; or paste one here.
      </p>
      <label>
        Access token
        <input
          type="password"
          value={token}
          maxLength={500}
          autocomplete="current-password"
          ref={field}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      {refused && (
        <p class="sign-text-failed" role="alert">
          Not let in: {reason}.
        </p>
      )}
      <button type="submit" class="button button-main" disabled={token.trim() === ''}>
        Open the fleet
      </button>
    </form>
  );
}
