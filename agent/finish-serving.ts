/** How an agent that is stopped takes leave of who asks it. */
import type { Http } from './serve/http.ts';
import type { Messages } from './serve/message.ts';
import type { Server } from './serve/server.ts';
import type { AgentSettings } from './settings.ts';

/** For answers that are made to be sent. */
const lastWordsMs = 2000;

interface Doors {
  readonly server: Server;
  readonly http: Http;
  readonly messages: Messages;
}

/** Nobody is cut without an answer: first the requests are answered, then the doors are shut. */
export async function finishServing(
  { stopSeconds }: AgentSettings,
  { server, http, messages }: Doors,
): Promise<void> {
  const endMs = performance.now() + stopSeconds * 1000;
  await server.finish(stopSeconds * 1000);
  await messages.settled();
  await http.close(Math.max(lastWordsMs, endMs - performance.now()));
}
