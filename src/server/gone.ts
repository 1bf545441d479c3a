/** A signal for the work of a request: it fires when the client goes before it has its answer. */
import type { FastifyReply } from 'fastify';

export function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('the client has gone'));
  });
  return controller.signal;
}
