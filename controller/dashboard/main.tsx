/** Builds the page's world and draws it. */
import { render } from 'preact';
import { createApi } from './api/client.ts';
import { createTokenBox, readFragment } from './api/token.ts';
import { App } from './app.tsx';
import { startLive } from './state/live.ts';
import { browserStorage } from './state/storage.ts';
import { createStore } from './state/store.ts';
import { applyTheme, readTheme } from './state/theme.ts';
import { createTicker, type World, WorldContext } from './state/world.ts';
import './styles/main.css';

/**
 * Changes are drawn this often at most: faster than one reads, slow enough for ten thousand
 * devices.
 */
const drawMs = 250;

function start(root: HTMLElement): void {
  const storage = browserStorage();
  applyTheme(readTheme(storage), storage);
  const token = createTokenBox(storage);
  const arrival = readFragment(location.hash);
  if (arrival.token !== null) {
    token.write(arrival.token);
    // The token must stay neither in the address bar nor in the history.
    history.replaceState(null, '', arrival.fragment);
  }
  const api = createApi(token, document.baseURI);
  const store = createStore((task) => setTimeout(task, drawMs));
  const live = startLive(api, store);
  const world: World = {
    api,
    store,
    ticker: createTicker(),
    hasToken: () => token.read() !== null,
    connect(next) {
      if (next !== undefined) token.write(next);
      live.retry();
    },
  };
  render(
    <WorldContext.Provider value={world}>
      <App />
    </WorldContext.Provider>,
    root,
  );
}

const root = document.getElementById('app');
if (root !== null) start(root);
