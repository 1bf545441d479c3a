/** Answers written by a language model behind any service that speaks OpenAI's /chat/completions, streamed. */
import { createHash } from 'node:crypto';
import { checkInteger, checkObject, outOfRange, QuiverError, wrongArgument } from '../../lib/errors.js';
import type { Service } from '../remote/request.js';
import { postForEvents } from '../remote/stream.js';
import { extractiveAnswer, NOTHING } from './extractive.js';
import { messagesFor, NO_ANSWER } from './prompt.js';
import type { Answer, Answerer, AnswerRequest } from './types.js';

export interface ChatOptions {
  /** As the service names it, such as `gpt-4.1-mini`. Default: `QUIVER_LLM_MODEL`. */
  model?: string;
  /** Such as `http://127.0.0.1:11434/v1`. Default: `QUIVER_LLM_BASE_URL`, else `OPENAI_BASE_URL`, else OpenAI's own. */
  baseUrl?: string;
  /** Default: `QUIVER_LLM_API_KEY`, else `OPENAI_API_KEY`. Local services need none. */
  apiKey?: string;
  /** Seconds until the answer begins, and between two pieces of it. Default 60. */
  timeout?: number;
  /** Attempts after the first, while no piece has come. Default 2. */
  retries?: number;
  /** 0 to 2. Default 0. */
  temperature?: number;
  /** Tokens of an answer at most. Default 512. */
  maxTokens?: number;
  /**
   * What happens when the service fails: an error, or an extractive answer with a note. What was streamed before cannot be taken
   * back: a stream that breaks is an error in any case. Default `error`.
   */
  onFailure?: 'error' | 'extractive';
}

const DEFAULTS = { baseUrl: 'https://api.openai.com/v1', retries: 2, temperature: 0, maxTokens: 512 };

interface Piece {
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[];
  error?: { message?: string } | string;
}

/** The text of one event; errors may come in the middle of a stream too. */
function textOf(data: string): string {
  let piece: Piece;
  try {
    piece = JSON.parse(data) as Piece;
  } catch (cause) {
    throw new QuiverError('E_REMOTE', 'The language model sent an event that is not JSON.', {
      expected: 'JSON',
      actual: data.slice(0, 60),
      cause,
    });
  }
  if (piece.error !== undefined) {
    const reason = typeof piece.error === 'string' ? piece.error : (piece.error.message ?? 'no reason given');
    throw new QuiverError('E_REMOTE', `The language model failed: ${reason.slice(0, 300)}`, {
      actual: reason.slice(0, 60),
    });
  }
  const content = piece.choices?.[0]?.delta?.content;
  return typeof content === 'string' ? content : '';
}

function setting(value: string | undefined, ...names: string[]): string | undefined {
  return value ?? names.map((name) => process.env[name]).find((found) => found !== undefined && found !== '');
}

/** Holds text back while it may still become the sentence that means "no answer". */
function* withoutSentinel(held: string, piece: string): Generator<string, string, void> {
  const text = held + piece;
  if (NO_ANSWER.startsWith(text.trimStart())) return text;
  yield text;
  return '';
}

class ChatAnswerer implements Answerer {
  readonly model: string;
  readonly fingerprint: string;
  readonly #service: Service;
  readonly #options: Required<Pick<ChatOptions, 'temperature' | 'maxTokens' | 'onFailure'>>;

  constructor(
    model: string,
    service: Service,
    options: Required<Pick<ChatOptions, 'temperature' | 'maxTokens' | 'onFailure'>>,
  ) {
    this.model = model;
    this.#service = service;
    this.#options = options;
    const known = JSON.stringify([service.baseUrl, model, options, messagesFor('', [], '')]);
    this.fingerprint = createHash('sha256').update(known).digest('hex').slice(0, 32);
  }

  async *answer(request: AnswerRequest): AsyncGenerator<string, Answer, void> {
    // Nothing to answer from: a model could only make something up.
    if (request.passages.length === 0) return { text: NOTHING, quotes: [], found: false };
    let given = false;
    try {
      const pieces = this.#pieces(request);
      for (;;) {
        const step = await pieces.next();
        if (step.done === true) return step.value;
        given = true;
        yield step.value;
      }
    } catch (error) {
      const failed = error instanceof QuiverError && error.code === 'E_REMOTE';
      if (!failed || given || this.#options.onFailure !== 'extractive') throw error;
      const answer = await extractiveAnswer(request);
      return {
        ...answer,
        note: `${this.model} did not answer, so these are sentences of the documents. ${error.message}`,
      };
    }
  }

  async *#pieces({ question, passages, signal }: AnswerRequest): AsyncGenerator<string, Answer, void> {
    const { temperature, maxTokens } = this.#options;
    const body = {
      model: this.model,
      messages: messagesFor(question, passages),
      stream: true,
      temperature,
      max_tokens: maxTokens,
    };
    let [text, held, ended] = ['', '', false];
    for await (const data of postForEvents(this.#service, '/chat/completions', body, { signal })) {
      ended = data.trim() === '[DONE]';
      if (ended) break;
      const piece = textOf(data);
      text += piece;
      held = yield* withoutSentinel(held, piece);
    }
    if (!ended && text === '') {
      throw new QuiverError('E_REMOTE', `${this.model} ended its stream without an answer.`, {
        expected: 'text',
        actual: 'none',
      });
    }
    if (text.trim() === NO_ANSWER || text.trim() === '') return { text: NOTHING, quotes: [], found: false };
    if (held !== '') yield held;
    return { text: text.trim(), quotes: [], found: true };
  }
}

/** Errors: E_ARGUMENT, E_RANGE. The service is not asked before the first question. */
export function chatAnswerer(options: ChatOptions = {}): Answerer {
  checkObject('llm', options);
  const model = setting(options.model, 'QUIVER_LLM_MODEL');
  if (model === undefined) {
    throw new QuiverError(
      'E_ARGUMENT',
      'llm.model must say which language model answers. Give it, or set QUIVER_LLM_MODEL.',
      {
        expected: 'the name of a model',
        actual: 'none',
      },
    );
  }
  const baseUrl = setting(options.baseUrl, 'QUIVER_LLM_BASE_URL', 'OPENAI_BASE_URL') ?? DEFAULTS.baseUrl;
  if (!/^https?:\/\//.test(baseUrl))
    throw wrongArgument('llm.baseUrl', 'an address that begins with http:// or https://', baseUrl);
  const { timeout, temperature = DEFAULTS.temperature, onFailure = 'error' } = options;
  if (typeof temperature !== 'number' || !(temperature >= 0 && temperature <= 2)) {
    throw outOfRange('llm.temperature', 'a number from 0 to 2', temperature);
  }
  if (timeout !== undefined && !(timeout > 0)) throw outOfRange('llm.timeout', 'a number of seconds above 0', timeout);
  const service: Service = {
    baseUrl,
    apiKey: setting(options.apiKey, 'QUIVER_LLM_API_KEY', 'OPENAI_API_KEY'),
    timeout,
    retries: checkInteger('llm.retries', options.retries ?? DEFAULTS.retries, 0, 20),
  };
  const maxTokens = checkInteger('llm.maxTokens', options.maxTokens ?? DEFAULTS.maxTokens, 1, 1_000_000);
  return new ChatAnswerer(model, service, { temperature, maxTokens, onFailure });
}
