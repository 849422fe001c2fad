/** The one door to Fastify: the HTTP server, its error documents and its OpenAPI description. */
import swagger from '@fastify/swagger';
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify';
import { acceptedEncodings, inflated } from '../../shared/content-encoding.ts';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { encodeJson } from '../../shared/json.ts';
import { productVersion } from '../../shared/product.ts';
import { recordHappening } from '../audit.ts';
import type { World } from '../world.ts';
import { createAuthenticator } from './auth.ts';
import { tagDocument } from './etag.ts';
import { bodyBytesMax, problemOf } from './problem.ts';
import type { Api } from './route.ts';

export interface Server {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

const description = [
  'Models, variants, devices and rollouts.',
  'Documents have an ETag: with If-None-Match what has not changed is answered with 304.',
].join(' ');

/** Throws `PORT_IN_USE` where another process listens there. */
export async function startServer(
  world: World,
  addRoutes: (api: Api) => void | Promise<void>,
): Promise<Server> {
  const { host, port } = world.settings;
  const app = await createApp(world);
  await addRoutes({
    app,
    authenticate: createAuthenticator(world),
    spans: world.spans.send,
    record: (happening) => recordHappening(world.db, { ...happening, atMs: world.now() }),
  });
  try {
    await app.listen({ host, port, backlog: 4096 });
  } catch (thrown) {
    await app.close();
    throw listenError(thrown, port);
  }
  const address = app.server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return {
    url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${bound}`,
    port: bound,
    async stop() {
      // Event streams never end by themselves.
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

async function createApp(world: World): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = world.log;
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyBytesMax,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  });
  // Routes check what comes with their own schemas (route.ts); Ajv would do it a second time.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (document) => encodeJson(document));
  app.addContentTypeParser('application/octet-stream', (_request, stream, done) =>
    done(null, stream),
  );
  app.addHook('preParsing', async ({ headers }, _reply, payload) =>
    inflated(payload, headers['content-encoding']),
  );
  app.addHook('onSend', tagDocument);
  app.setErrorHandler((thrown, request, reply) => {
    const problem = problemOf(thrown);
    if (problem.status >= 500) request.log.error({ err: thrown, url: request.url }, 'request');
    if (problem.status === 415) reply.header('accept-encoding', acceptedEncodings);
    reply.code(problem.status).type('application/problem+json').send(problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const what = `route ${request.method} ${request.url.slice(0, 200)}`;
    const problem = problemOf(new FettleError('NOT_FOUND', { what }));
    reply.code(404).type('application/problem+json').send(problem);
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Fettle controller',
        description,
        version: productVersion(),
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  return app;
}

function listenError(thrown: unknown, port: number): Error {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : '';
  if (code === 'EADDRINUSE') {
    return new FettleError('PORT_IN_USE', { what: 'HTTP', port, setting: '--port' });
  }
  return new FettleError('INTERNAL', { reason: reasonOf(thrown) }, { cause: thrown });
}
