/** Questions: POST /api/query answers at once, POST /api/stream-query step by step. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { QueryOptions, StreamEvent } from '../../engine/types.js';
import { Admission } from '../admission.js';
import { goneSignal } from '../gone.js';
import type { ApiSettings } from '../options.js';
import { FAILURE, QUERY, RESULT } from '../schemas.js';
import { toSse } from '../sse.js';

type Body = Omit<QueryOptions, 'signal'> & { question: string };

/** Bytes of a question with its filter. */
const BODY_LIMIT = 64 * 1024;
/** Bytes that wait for a slow client; the socket holds as much again. */
const BUFFER = 16 * 1024;

async function* letting<T>(events: AsyncGenerator<T>, leave: () => void): AsyncGenerator<T, void, void> {
  try {
    yield* events;
  } finally {
    leave();
  }
}

export function queryRoutes(app: FastifyInstance, { engine, ...settings }: ApiSettings): void {
  const queries = new Admission({ running: settings.concurrency, waiting: settings.queue });
  const streams = new Admission({ running: settings.streams, waiting: 0 });

  app.post<{ Body: Body }>(
    '/api/query',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        summary: 'Answer a question',
        tags: ['questions'],
        body: QUERY,
        response: { 200: RESULT, '4xx': FAILURE, '5xx': FAILURE },
      },
    },
    async ({ body: { question, ...options } }, reply) => {
      const signal = goneSignal(reply);
      const leave = await queries.enter(signal);
      try {
        return await engine.query(question, { ...options, signal });
      } finally {
        leave();
      }
    },
  );

  app.post<{ Body: Body }>(
    '/api/stream-query',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        summary: 'Answer a question step by step',
        description:
          'Server-sent events, each with JSON that has a `type`: status, sources, response_chunk (with is_final), metadata, and error where it fails.',
        tags: ['questions'],
        body: QUERY,
        produces: ['text/event-stream'],
        response: { '4xx': FAILURE, '5xx': FAILURE },
      },
    },
    async ({ body: { question, ...options }, log }, reply) => {
      const signal = goneSignal(reply);
      const leave = await streams.enter(signal);
      let events: AsyncGenerator<StreamEvent>;
      try {
        events = engine.stream(question, { ...options, signal });
      } catch (error) {
        leave();
        throw error;
      }
      const onStall = (): void => {
        log.warn({ stall: settings.stall }, 'a stream was not read, and is dropped');
        reply.raw.destroy();
      };
      const { heartbeat, stall } = settings;
      const body = Readable.from(toSse(letting(events, leave), { heartbeat, stall, onStall }), {
        objectMode: false,
        highWaterMark: BUFFER,
      });
      return (
        reply
          .header('content-type', 'text/event-stream; charset=utf-8')
          .header('cache-control', 'no-cache, no-transform')
          // nginx would gather it otherwise.
          .header('x-accel-buffering', 'no')
          .send(body)
      );
    },
  );
}
