/** Where a route of the controller is, also where the controller stands behind a path. */

/** `https://host/fettle` and `/api/v1/enrol` are `https://host/fettle/api/v1/enrol`. */
export function controllerUrl(controller: string, route: string): URL {
  const { origin, pathname } = new URL(controller);
  return new URL(`${pathname.replace(/\/+$/, '')}${route}`, origin);
}
