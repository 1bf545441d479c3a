/**
 * The process that runs a model. A process and not a thread: ONNX Runtime has crashed hosts on import, at exit and in the middle
 * (onnxruntime #20084, #23794, #24486), and what dies here takes nobody with it.
 */
import { QuiverError } from '../../../lib/index.js';
import type { Failure, Reply, Request, Setup } from './messages.js';
import { OnnxSession } from './session.js';

function say(reply: Reply): void {
  process.send?.(reply);
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof QuiverError)) return { code: 'E_INTERNAL', message: String(error) };
  const { code, message, expected, actual } = error;
  return { code, message, ...(expected !== undefined && { expected }), ...(actual !== undefined && { actual }) };
}

async function open(setup: Setup): Promise<OnnxSession | undefined> {
  try {
    const { session, device, warning } = await OnnxSession.open(setup);
    say({ kind: 'ready', device, ...(warning !== undefined && { warning }) });
    return session;
  } catch (error) {
    say({ kind: 'unfit', failure: failureOf(error) });
    return undefined;
  }
}

async function answer(session: OnnxSession, { id, texts }: Request): Promise<void> {
  try {
    say({ kind: 'vectors', id, vectors: await session.embed(texts) });
  } catch (error) {
    say({ kind: 'failed', id, failure: failureOf(error) });
  }
}

let session: Promise<OnnxSession | undefined> | undefined;
process.on('message', (message: Setup | Request) => {
  if (session === undefined) {
    session = open(message as Setup);
    return;
  }
  // Requests overlap: one is tokenised while the other is in the model.
  void session.then((opened) => opened && answer(opened, message as Request));
});
process.on('disconnect', () => process.exit(0));
// The terminal's Ctrl-C is for the parent, which then lets go of us.
process.on('SIGINT', () => undefined);
