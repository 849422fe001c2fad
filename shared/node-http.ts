/**
 * Node's HTTP modules for processes that must stay small. `import 'node:http'` reads every export,
 * and with them the `WebSocket` getters that load undici: 12 MiB of resident memory (Node 24.21,
 * measured) which asking for the built-in module itself doesn't cost.
 */
export const http = process.getBuiltinModule('node:http');

/** The client for an address. TLS is loaded for the first `https:` one. */
export function httpFor(url: string | URL) {
  return String(url).startsWith('https:') ? process.getBuiltinModule('node:https') : http;
}
