/** Errors as HTTP tells them: a status, a code, and a sentence that says what to do. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { QuiverError, type ErrorCode } from '../../lib/errors.js';

const STATUS: Partial<Record<ErrorCode, number>> = {
  E_ARGUMENT: 400,
  E_RANGE: 400,
  E_DIMENSION: 400,
  E_NOT_FINITE: 400,
  E_NOT_FOUND: 404,
  E_EXISTS: 409,
  E_LOCKED: 409,
  E_UNSUPPORTED: 409,
  E_MODEL_MISMATCH: 409,
  // The client has gone: nobody reads it.
  E_ABORTED: 499,
  E_REMOTE: 502,
  E_CLOSED: 503,
  E_OUT_OF_MEMORY: 503,
  E_TIMEOUT: 504,
};

export interface Failure {
  error: { code: string; message: string; expected?: string; actual?: string };
}

/** A refusal that is HTTP's own. */
export class HttpError extends Error {
  readonly statusCode: number;
  readonly code: string;
  readonly retryAfter: number | undefined;

  constructor(statusCode: number, code: string, message: string, retryAfter?: number) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

function isClientFault(error: unknown): error is FastifyError {
  const { statusCode } = error as { statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500;
}

/** What a client is told. What nobody foresaw stays in the log: it may name paths or documents. */
export function failureOf(error: unknown): { status: number; body: Failure } {
  if (error instanceof QuiverError) {
    const { code, message, expected, actual } = error;
    const status = STATUS[code] ?? 500;
    return {
      status,
      body: {
        error: { code, message, ...(expected !== undefined && { expected }), ...(actual !== undefined && { actual }) },
      },
    };
  }
  if (error instanceof HttpError) {
    return { status: error.statusCode, body: { error: { code: error.code, message: error.message } } };
  }
  if (isClientFault(error)) {
    const code = error.validation === undefined ? error.code : 'E_ARGUMENT';
    return { status: error.statusCode ?? 400, body: { error: { code, message: error.message } } };
  }
  const message = 'The server failed in a way that nobody foresaw. Its log says more.';
  return { status: 500, body: { error: { code: 'E_INTERNAL', message } } };
}

export function sendFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body } = failureOf(error);
  if (status >= 500) request.log.error({ err: error }, 'a request failed');
  if (error instanceof HttpError && error.retryAfter !== undefined) void reply.header('retry-after', error.retryAfter);
  return reply.code(status).send(body);
}
