/**
 * Node's HTTP modules for processes that must stay small. `import 'node:http'` reads every export,
 * and with them the `WebSocket` getters that load undici: 12 MiB of resident memory (Node 24.21,
 * measured) which asking for the built-in module itself doesn't cost.
 */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
