/** The address within the page: `#/devices/x?tab=log` as a view, and back. */

export type Route =
  | { readonly view: 'fleet'; readonly query: URLSearchParams }
  | { readonly view: 'device'; readonly device: string }
  | { readonly view: 'models' }
  | { readonly view: 'model'; readonly name: string; readonly version: number }
  | { readonly view: 'rollouts' }
  | { readonly view: 'rollout'; readonly id: string }
  | { readonly view: 'unknown'; readonly path: string };

export function parseRoute(fragment: string): Route {
  const [path = '', query = ''] = fragment.replace(/^#/, '').split('?', 2);
  const [view = '', ...rest] = path.split('/').filter(Boolean).map(decode);
  const [first, second] = rest;
  if (view === '') return { view: 'fleet', query: new URLSearchParams(query) };
  if (view === 'devices' && first !== undefined) return { view: 'device', device: first };
  if (view === 'rollouts') {
    return first === undefined ? { view: 'rollouts' } : { view: 'rollout', id: first };
  }
  if (view === 'models' && first === undefined) return { view: 'models' };
  if (view === 'models' && first !== undefined && /^\d+$/.test(second ?? '')) {
    return { view: 'model', name: first, version: Number(second) };
  }
  return { view: 'unknown', path };
}

export function deviceHref(device: string): string {
  return `#/devices/${encodeURIComponent(device)}`;
}

export function modelHref(name: string, version: number): string {
  return `#/models/${encodeURIComponent(name)}/${version}`;
}

export function rolloutHref(id: string): string {
  return `#/rollouts/${encodeURIComponent(id)}`;
}

export function fleetHref(query: URLSearchParams): string {
  const text = query.toString();
  return text === '' ? '#/' : `#/?${text}`;
}

/** A path segment that was encoded badly is taken as it stands. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
