/** A step of a benchmark in a process of its own, which sends one message: its result. */
import { fork } from 'node:child_process';

export async function askChild<T>(file: string, job: { step: string }): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(file, [JSON.stringify(job)]);
    let result: T | undefined;
    child.once('message', (message) => (result = message as T));
    child.once('error', reject);
    child.once('close', (code) => {
      if (result !== undefined && code === 0) resolve(result);
      else reject(new Error(`expected ${file} to do the step ${job.step}, found exit code ${code ?? 'none'}`));
    });
  });
}
