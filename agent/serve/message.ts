/**
 * Inference over MQTT, for devices whose application speaks only that: the same bodies, with an id.
 */
import { reportError } from '../../shared/errors.ts';
import type { Message } from '../../shared/protocol/messages.ts';
import type { Link } from '../link.ts';
import { infer } from './infer.ts';
import type { Server } from './server.ts';

export interface MessageDoors {
  readonly server: Server;
  readonly link: () => Link | null;
}

/** Answers on `inferred`, with outputs or with `error`; whoever asks twice is answered twice. */
export async function answerMessage(
  request: Message<'infer'>,
  { server, link }: MessageDoors,
): Promise<void> {
  const { id, model } = request;
  const answer = await answerOf(server, request);
  await link()?.send('inferred', { ...answer, v: 1, id, model });
}

async function answerOf(server: Server, request: Message<'infer'>): Promise<object> {
  const { model } = request;
  const version = typeof request.version === 'string' ? request.version : null;
  try {
    const tail = new Uint8Array(0);
    const { json } = await infer(server, { model, version, document: request, tail });
    return JSON.parse(json);
  } catch (thrown) {
    const { code, message } = reportError(thrown);
    return { error: message, code };
  }
}
