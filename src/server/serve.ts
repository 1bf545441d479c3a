/** A server of its own around the API: with limits on whoever calls, logs without texts, and an end that lets work finish. */
import fastify, { type FastifyInstance } from 'fastify';
import { checkInteger, QuiverError } from '../../lib/errors.js';
import { isLoopback } from './access.js';
import { quiver } from './api.js';
import { failureOf } from './failure.js';
import type { ApiOptions } from './options.js';

export interface ServeOptions extends ApiOptions {
  /** Default `127.0.0.1`. Any other needs `apiKeys`. */
  host?: string;
  /** Default 7700; 0: any that is free. */
  port?: number;
  /** `pino` levels; false: no logs. Default `info`. */
  logLevel?: 'debug' | 'info' | 'warn' | 'error' | false;
  /** Connections at a time. Default 1,024. */
  maxConnections?: number;
  /** Seconds that running requests have when the server closes. Default 10. */
  drain?: number;
}

export interface Server {
  app: FastifyInstance;
  /** Such as `http://127.0.0.1:7700`. */
  url: string;
  /** Takes no new requests, lets those that run finish, and ends what has not after `drain` seconds. */
  close(): Promise<void>;
}

const HEADER_BYTES = 16 * 1024;
const HEADERS_MS = 10_000;
/** An upload over a slow line has so long. */
const REQUEST_MS = 300_000;
const IDLE_MS = 60_000;

function checkHost({ host = '127.0.0.1', apiKeys = [] }: ServeOptions): string {
  if (isLoopback(host) || apiKeys.length > 0) return host;
  throw new QuiverError(
    'E_ARGUMENT',
    `Listening on ${host} would answer to everybody who can reach this machine: give an API key (QUIVER_API_KEY, or apiKeys), or listen on 127.0.0.1.`,
    { expected: 'an API key, or a loopback address', actual: host },
  );
}

/** The route instead of the address, which may name a document. */
const SERIALIZERS = {
  req: ({ method, routeOptions, ip }: { method?: string; routeOptions?: { url?: string }; ip?: string }) => ({
    method,
    route: routeOptions?.url,
    ip,
  }),
};

function listenError(error: unknown, host: string, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    EADDRINUSE: 'another program listens there. Choose another port, or 0 for any that is free.',
    EACCES: 'it needs rights that this user lacks. Choose a port above 1023.',
    EADDRNOTAVAIL: 'this machine has no such address.',
  };
  const reason = reasons[code ?? ''];
  if (reason === undefined) return error;
  return new QuiverError('E_IO', `Cannot listen on ${host}, port ${port}: ${reason}`, {
    actual: code ?? '',
    cause: error,
  });
}

/** Serves an engine over HTTP. Errors: E_ARGUMENT, E_RANGE, E_IO. */
export async function serve(options: ServeOptions): Promise<Server> {
  const { logLevel = 'info', port = 7700, drain = 10, ...rest } = options;
  const host = checkHost(options);
  checkInteger('port', port, 0, 65_535);
  checkInteger('drain', drain, 0, 3600);
  const app = fastify({
    logger: logLevel === false ? false : { level: logLevel, serializers: SERIALIZERS },
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    bodyLimit: 2 ** 20,
    routerOptions: { maxParamLength: 4000 },
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: HEADERS_MS, connectionsCheckingInterval: HEADERS_MS / 2 },
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    // Names of properties that change what an object is are refused, rather than left out.
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
  });
  app.server.maxConnections = checkInteger('maxConnections', options.maxConnections ?? 1024, 1, 1_000_000);
  app.setNotFoundHandler((request, reply) => {
    const message = `There is no ${request.method} ${request.url.slice(0, 100)}. GET /api/openapi.json says what there is.`;
    return reply.code(404).send({ error: { code: 'E_NOT_FOUND', message } });
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = failureOf(error);
    return reply.code(status).send(body);
  });
  endAfterAnswers(app);
  await app.register(quiver, rest);
  try {
    const url = await app.listen({ host, port });
    return { app, url, close: () => close(app, drain) };
  } catch (error) {
    await app.close();
    throw listenError(error, host, port);
  }
}

/** When it closes, Fastify ends the connections that are idle; one that is answered later would be kept for its client's next request. */
function endAfterAnswers(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  app.addHook('onResponse', (request, _reply, done) => {
    if (closing) request.raw.socket.end();
    done();
  });
}

async function close(app: FastifyInstance, seconds: number): Promise<void> {
  const late = setTimeout(() => {
    app.server.closeAllConnections();
  }, seconds * 1000);
  try {
    await app.close();
  } finally {
    clearTimeout(late);
  }
}
