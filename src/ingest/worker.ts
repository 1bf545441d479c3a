/** The thread that reads files: called once for each. What it answers is serialised here, so that nobody on the way has to. */
import { once } from 'node:events';
import { serialize } from 'node:v8';
import type { Batch, Task } from './messages.js';
import { readFile } from './read.js';

export default async function work({ job, settings, port }: Task): Promise<Uint8Array> {
  const send = async (batch: Batch): Promise<void> => {
    const taken = once(port, 'message');
    port.postMessage(serialize(batch));
    await taken;
  };
  try {
    return serialize(await readFile(job, settings, send));
  } finally {
    port.close();
  }
}
