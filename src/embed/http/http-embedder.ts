/** Embeds by a service that speaks OpenAI's /embeddings: a hosted one, or a server of one's own. */
import { createHash } from 'node:crypto';
import { aborted } from '../../../lib/calls.js';
import { checkInteger, QuiverError, wrongArgument } from '../../../lib/errors.js';
import { post, type Service } from '../../remote/request.js';
import { checkEmbed } from '../check.js';
import type { Embedder, EmbedOptions } from '../embedder.js';

export interface HttpOptions extends Partial<Service> {
  /** As the service names it, such as `text-embedding-3-small`. */
  model: string;
  /** What the embedder is called. Default: `model`. */
  name?: string;
  /** Shortens the vectors where the service can; default: as the model makes them. */
  dimensions?: number;
  /** Texts in one request. Default 64. */
  batch?: number;
  /** Requests at a time. Default 4. */
  concurrency?: number;
  /** Put before each text, for models that want it. */
  prompts?: { query?: string; document?: string };
  /** Weight of vectors in hybrid search. Default 0.7. */
  hybridWeight?: number;
}

const DEFAULTS = { batch: 64, concurrency: 4, hybridWeight: 0.7 };

interface Reply {
  data?: { index?: number; embedding?: number[] }[];
}

function malformed(what: string, actual: string): QuiverError {
  return new QuiverError('E_REMOTE', `The service's answer is not that of /embeddings: ${what}.`, {
    expected: 'one vector a text, as in OpenAI’s API',
    actual,
  });
}

export class HttpEmbedder implements Embedder {
  readonly model: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly hybridWeight: number;
  readonly #service: Service;
  readonly #options: HttpOptions;
  readonly #running = new AbortController();

  private constructor(service: Service, options: HttpOptions, dim: number) {
    this.#service = service;
    this.#options = options;
    this.model = options.name ?? options.model;
    this.dim = dim;
    this.hybridWeight = options.hybridWeight ?? DEFAULTS.hybridWeight;
    // The weights are out of sight: all that can be told is which model was asked, how, and where.
    const known = [service.baseUrl, options.model, dim, options.prompts ?? {}];
    this.fingerprint = createHash('sha256').update(JSON.stringify(known)).digest('hex');
  }

  /**
   * Asks the service for one vector, to learn the dimension and to fail early. Base URL and key default to the environment's
   * OPENAI_BASE_URL and OPENAI_API_KEY. Errors: E_ARGUMENT, E_REMOTE.
   */
  static async open(options: HttpOptions, { signal }: { signal?: AbortSignal } = {}): Promise<HttpEmbedder> {
    if (typeof options?.model !== 'string' || options.model === '') {
      throw wrongArgument('model', 'the name of a model', options?.model);
    }
    const baseUrl = options.baseUrl ?? process.env.OPENAI_BASE_URL;
    if (baseUrl === undefined || !URL.canParse(baseUrl)) {
      throw wrongArgument('baseUrl', 'a URL such as http://127.0.0.1:8080/v1 (or OPENAI_BASE_URL)', baseUrl);
    }
    checkInteger('batch', options.batch ?? DEFAULTS.batch, 1, 2048);
    checkInteger('concurrency', options.concurrency ?? DEFAULTS.concurrency, 1, 64);
    const { timeout, retries, apiKey = process.env.OPENAI_API_KEY } = options;
    const service = { baseUrl, apiKey, timeout, retries };
    const [vector] = await request(service, options, ['dimension'], signal);
    return new HttpEmbedder(service, options, vector?.length ?? 0);
  }

  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    if (this.#running.signal.aborted) {
      const closed = { expected: 'an open embedder', actual: 'a closed one' };
      throw new QuiverError('E_CLOSED', 'The embedder is closed.', closed);
    }
    checkEmbed(texts, options);
    const { signal, onProgress, input = 'document' } = options;
    const { batch = DEFAULTS.batch, concurrency = DEFAULTS.concurrency, prompts } = this.#options;
    const prompt = prompts?.[input] ?? '';
    const vectors = new Float32Array(texts.length * this.dim);
    const stop = new AbortController();
    const either = AbortSignal.any([stop.signal, this.#running.signal, ...(signal === undefined ? [] : [signal])]);
    let next = 0;
    let done = 0;
    const work = async (): Promise<void> => {
      for (let from = next; from < texts.length; from = next) {
        next += batch;
        const part = texts.slice(from, from + batch).map((text) => prompt + text);
        const rows = await request(this.#service, this.#options, part, either);
        rows.forEach((row, at) => vectors.set(this.#checked(row), (from + at) * this.dim));
        done += part.length;
        onProgress?.({ phase: 'embed', done, total: texts.length });
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(concurrency, Math.ceil(texts.length / batch)) }, work));
    } catch (error) {
      stop.abort();
      if (signal?.aborted === true) throw aborted(signal);
      throw error;
    }
    return vectors;
  }

  close(): Promise<void> {
    this.#running.abort();
    return Promise.resolve();
  }

  #checked(row: Float32Array): Float32Array {
    if (row.length === this.dim) return row;
    throw new QuiverError(
      'E_DIMENSION',
      `The service's vectors changed their length. Is ${this.model} another model now?`,
      {
        expected: String(this.dim),
        actual: String(row.length),
      },
    );
  }
}

/** Vectors of length 1, in the order of the texts. */
async function request(
  service: Service,
  { model, dimensions }: HttpOptions,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  // Services refuse an empty text; a blank one says as little.
  const input = texts.map((text) => (text === '' ? ' ' : text));
  const body = { model, input, encoding_format: 'float', ...(dimensions !== undefined && { dimensions }) };
  return post(
    service,
    '/embeddings',
    body,
    async (response) => {
      const { data } = (await response.json().catch(() => ({}))) as Reply;
      if (!Array.isArray(data) || data.length !== texts.length) {
        throw malformed('the number of vectors differs', `${data?.length ?? 'no'} vectors for ${texts.length} texts`);
      }
      const rows: Float32Array[] = new Array<Float32Array>(texts.length);
      data.forEach(({ index, embedding }, at) => (rows[index ?? at] = toVector(embedding)));
      if (rows.length !== texts.length || rows.includes(undefined as never)) {
        throw malformed('its indexes do not count the texts', data.map(({ index }) => index).join(', '));
      }
      return rows;
    },
    { signal },
  );
}

function toVector(embedding: unknown): Float32Array {
  if (!Array.isArray(embedding) || embedding.length === 0) throw malformed('a vector is missing', typeof embedding);
  const vector = Float32Array.from(embedding as number[]);
  const length = Math.hypot(...vector);
  if (!Number.isFinite(length)) throw malformed('a vector holds what is no number', String(length));
  return length === 0 ? vector : vector.map((value) => value / length);
}
