/** Light, dark, or as the system has it; the choice is kept by the browser. */

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const storageKey = 'fettle.theme';

export function readTheme(storage: Storage | null): Theme {
  const held = storage?.getItem(storageKey);
  return themes.find((theme) => theme === held) ?? 'auto';
}

export function applyTheme(theme: Theme, storage: Storage | null): void {
  if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = theme;
  storage?.setItem(storageKey, theme);
  // Canvases take their colours once: they listen to draw themselves anew.
  document.dispatchEvent(new Event('themechange'));
}

export function nextTheme(theme: Theme): Theme {
  return themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto';
}
