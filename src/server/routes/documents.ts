/** Documents: what there is, what comes in, what goes. */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { QuiverError } from '../../../lib/errors.js';
import type { TextInput } from '../../collection/types.js';
import type { Engine } from '../../engine/engine.js';
import type { EngineCollection } from '../../engine/types.js';
import { Admission } from '../admission.js';
import { failureOf } from '../failure.js';
import { goneSignal } from '../gone.js';
import type { ApiSettings } from '../options.js';
import { FAILURE, ID, PAGE, TEXTS } from '../schemas.js';
import { toSse } from '../sse.js';
import { Upload, type Progress, type UploadResult } from '../uploads.js';

const TEXTS_LIMIT = 16 * 2 ** 20;
/** One at a time writes; a few may send meanwhile. */
const UPLOADS = { running: 2, waiting: 8 };
const PROGRESS_MS = 150;
/** One part of a form that is no file is none of ours; a few are let be. */
const FIELDS = 10;

type UploadEvent =
  ({ type: 'progress' } & Progress) | { type: 'result'; data: UploadResult } | { type: 'error'; error: unknown };

/** Tells how far it is until it is there. */
async function* telling(upload: Upload, engine: Engine, signal: AbortSignal): AsyncGenerator<UploadEvent, void, void> {
  let over = false;
  const work = upload.bringInto(engine, signal).finally(() => (over = true));
  work.catch(() => undefined);
  try {
    for (let told = ''; !over;) {
      const now = JSON.stringify(upload.progress);
      if (now !== told) yield { type: 'progress', ...(JSON.parse(now) as Progress) };
      told = now;
      await Promise.race([work.catch(() => undefined), sleep(PROGRESS_MS)]);
    }
    yield { type: 'progress', ...upload.progress };
    yield { type: 'result', data: await work };
  } catch (error) {
    yield { type: 'error', error: failureOf(error).body.error };
  } finally {
    await work.catch(() => undefined);
    await upload.discard();
  }
}

/** What there is, and what goes. */
function listRoutes(app: FastifyInstance, collection: EngineCollection): void {
  app.get<{ Querystring: { limit: number; after?: string } }>(
    '/api/documents',
    {
      schema: {
        summary: 'A page of documents, without their texts',
        tags: ['documents'],
        querystring: PAGE,
        response: { '4xx': FAILURE },
      },
    },
    async ({ query: { limit, after } }, reply) => {
      const call = { signal: goneSignal(reply) };
      const [page, { documents, chunks }] = await Promise.all([
        collection.list({ limit, ...(after !== undefined && { after }), ...call }),
        collection.count(undefined, call),
      ]);
      return { ...page, total: { documents, chunks } };
    },
  );

  app.get<{ Querystring: { id: string } }>(
    '/api/document',
    {
      schema: {
        summary: 'A document with its text',
        tags: ['documents'],
        querystring: ID,
        response: { '4xx': FAILURE },
      },
    },
    async ({ query: { id } }, reply) => {
      const document = await collection.get(id, { signal: goneSignal(reply) });
      if (document === undefined) throw absent(id);
      return document;
    },
  );

  app.delete<{ Querystring: { id: string } }>(
    '/api/documents',
    { schema: { summary: 'Delete a document', tags: ['documents'], querystring: ID, response: { '4xx': FAILURE } } },
    async ({ query: { id } }) => {
      const deleted = await collection.delete(id);
      if (deleted === 0) throw absent(id);
      return { deleted };
    },
  );
}

/** What comes in. */
async function uploadRoutes(app: FastifyInstance, settings: ApiSettings): Promise<void> {
  const { engine, maxFileBytes, maxFiles, heartbeat, stall } = settings;
  const uploads = new Admission(UPLOADS);
  await app.register(multipart, {
    limits: { fileSize: maxFileBytes, files: maxFiles, fields: FIELDS, fieldSize: 1024, parts: maxFiles + FIELDS },
  });

  const streamUpload = (upload: Upload, signal: AbortSignal, reply: FastifyReply, leave: () => void): FastifyReply => {
    const events = telling(upload, engine, signal);
    const onStall = (): void => void reply.raw.destroy();
    const frames = async function* (): AsyncGenerator<string, void, void> {
      try {
        yield* toSse(events, { heartbeat, stall, onStall });
      } finally {
        leave();
      }
    };
    return reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-cache, no-transform')
      .send(Readable.from(frames(), { objectMode: false }));
  };

  app.post<{ Body: { texts: TextInput[] } }>(
    '/api/documents',
    {
      bodyLimit: TEXTS_LIMIT,
      schema: {
        summary: 'Add files or texts',
        description:
          'Files as multipart/form-data: the answer comes when they are in, or, with `accept: text/event-stream`, as events of type progress, result and error. Texts as JSON: { "texts": [{ "id", "text", "title", "metadata" }] }. What has the same name or id is replaced.',
        tags: ['documents'],
        consumes: ['multipart/form-data', 'application/json'],
        response: { '4xx': FAILURE, '5xx': FAILURE },
      },
      // A form has no body to be checked by a schema.
      preValidation: (request, _reply, done) => {
        done(request.isMultipart() ? undefined : checkTexts(request.validateInput(request.body, TEXTS), request.body));
      },
    },
    async (request, reply) => {
      const signal = goneSignal(reply);
      const leave = await uploads.enter(signal);
      const upload = new Upload();
      // A stream ends after this call, and cleans up then.
      let streaming = false;
      try {
        if (!request.isMultipart()) return await engine.ingest({ texts: request.body.texts }, { signal });
        await upload.receive(request);
        streaming = request.headers.accept?.includes('text/event-stream') === true;
        if (!streaming) return await upload.bringInto(engine, signal);
      } finally {
        if (!streaming) {
          leave();
          await upload.discard();
        }
      }
      return streamUpload(upload, signal, reply, leave);
    },
  );
}

export async function documentRoutes(app: FastifyInstance, settings: ApiSettings): Promise<void> {
  listRoutes(app, settings.engine.collection);
  await uploadRoutes(app, settings);
}

function checkTexts(fits: boolean, body: unknown): QuiverError | undefined {
  if (fits) return undefined;
  const actual = body === null || body === undefined ? 'no body' : 'another';
  return new QuiverError(
    'E_ARGUMENT',
    'Expected files as multipart/form-data, or JSON such as { "texts": [{ "text": "..." }] }.',
    {
      expected: '{ texts: [{ text }] }',
      actual,
    },
  );
}

function absent(id: string): QuiverError {
  return new QuiverError(
    'E_NOT_FOUND',
    `There is no document ${JSON.stringify(id.slice(0, 200))}. GET /api/documents lists those that there are.`,
    {
      expected: 'the id of a document',
      actual: id.slice(0, 200),
    },
  );
}
