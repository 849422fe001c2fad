/** The bar at the top: where one is, how the connection stands, light or dark. */
import { useState } from 'preact/hooks';
import type { Route } from './state/route.ts';
import { browserStorage } from './state/storage.ts';
import type { Status } from './state/store.ts';
import { applyTheme, nextTheme, readTheme } from './state/theme.ts';

const links = [
  { href: '#/', title: 'Fleet', views: ['fleet', 'device'] },
  { href: '#/models', title: 'Models', views: ['models', 'model'] },
  { href: '#/rollouts', title: 'Rollouts', views: ['rollouts', 'rollout'] },
] as const;

const words = {
  connecting: 'connecting',
  live: 'live',
  offline: 'offline',
  unauthorized: 'signed out',
} as const satisfies Record<Status['state'], string>;

export function Header({ route, status }: { readonly route: Route; readonly status: Status }) {
  const view: string = route.view;
  return (
    <header class="top">
      <a class="brand" href="#/">
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <rect class="brand-tile" width="32" height="32" rx="7" />
          <path class="brand-mark" d="M10.5 25V12a4 4 0 0 1 4-4H23M10.5 16.5h7.5" />
          <circle class="brand-dot" cx="22.6" cy="16.5" r="2.1" />
        </svg>
        Fettle
      </a>
      <nav aria-label="Views">
        {links.map((link) => {
          const here = link.views.some((name) => name === view);
          return (
            <a key={link.href} href={link.href} aria-current={here ? 'page' : undefined}>
              {link.title}
            </a>
          );
        })}
      </nav>
      <span class={`link link-${status.state}`} role="status">
        <span class="link-dot" aria-hidden="true" />
        {words[status.state]}
      </span>
      <ThemeButton />
    </header>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(() => readTheme(browserStorage()));
  const change = () => {
    const next = nextTheme(theme);
    applyTheme(next, browserStorage());
    setTheme(next);
  };
  return (
    <button type="button" class="theme" onClick={change} title={`Colours: ${theme}`}>
      <span class="unseen">Colours: {theme}. Change.</span>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.5" />
        {theme !== 'light' && (
          <path
            d="M8 2.5a5.5 5.5 0 0 1 0 11z"
            fill="currentColor"
            transform={theme === 'dark' ? 'rotate(180 8 8)' : undefined}
          />
        )}
        {theme === 'dark' && <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />}
      </svg>
    </button>
  );
}
