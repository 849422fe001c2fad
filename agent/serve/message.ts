/**
 * Inference over MQTT, for devices whose application speaks only that: the same bodies, with an id.
 */
import { reportError } from '../../shared/errors.ts';
import type { SpanSink } from '../../shared/otlp/tracer.ts';
import type { Message } from '../../shared/protocol/messages.ts';
import { faultLine, type Link } from '../link.ts';
import type { Log } from '../log.ts';
import { infer } from './infer.ts';
import type { Server } from './server.ts';
import { type FollowedRequest, followRequest } from './trace.ts';

export interface MessageDoors {
  readonly server: Server;
  readonly link: () => Link | null;
  readonly spans: SpanSink | null;
  readonly log: Log;
}

export interface Messages {
  onInfer(request: Message<'infer'>): void;
  /** Resolves when everything that came has been answered. */
  settled(): Promise<void>;
}

export function answerMessages(doors: MessageDoors): Messages {
  const open = new Set<Promise<void>>();
  return {
    onInfer(request) {
      const answering = answerMessage(request, doors)
        .catch((thrown) => doors.log('error', `infer: ${faultLine(thrown)}`))
        .finally(() => open.delete(answering));
      open.add(answering);
    },
    async settled() {
      await Promise.all(open);
    },
  };
}

/** Answers on `inferred`, with outputs or with `error`; whoever asks twice is answered twice. */
async function answerMessage(
  request: Message<'infer'>,
  { server, link, spans }: MessageDoors,
): Promise<void> {
  const { id, model, traceparent } = request;
  const trace = followRequest(spans, { traceparent, model, transport: 'mqtt' });
  const { error, ...answer } = await answerOf(server, request, trace);
  trace?.end(error ?? null);
  await link()?.send('inferred', {
    ...{ ...answer, ...(error !== undefined && { error }), v: 1, id, model },
    ...(trace && { traceparent: trace.response }),
  });
}

interface MessageAnswer {
  readonly error?: string;
  readonly code?: string;
}

async function answerOf(
  server: Server,
  request: Message<'infer'>,
  trace: FollowedRequest | null,
): Promise<MessageAnswer> {
  const { model } = request;
  const version = typeof request.version === 'string' ? request.version : null;
  try {
    const tail = new Uint8Array(0);
    const { json } = await infer(server, { model, version, document: request, tail, trace });
    return JSON.parse(json);
  } catch (thrown) {
    const { code, message } = reportError(thrown);
    return { error: message, code };
  }
}
