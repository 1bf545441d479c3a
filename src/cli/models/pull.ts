/** `quiver models pull` */
import type { Context } from '../context.js';
import { bytes } from '../format.js';
import { withProgress } from '../progress.js';

export async function pullModelCommand(
  { output, signal }: Context,
  name: string,
  { hub }: { hub?: string },
): Promise<void> {
  const { pullModel } = await import('../../embed/models/pull.js');
  const pulled = await withProgress(output, { label: `pull ${name}`, unit: 'bytes' }, (update) =>
    pullModel(name, {
      signal,
      ...(hub !== undefined && { hub }),
      onProgress: ({ done, total }) => update(done, total),
    }),
  );
  const { fetched, folder } = pulled;
  output.result(pulled, () =>
    fetched === 0
      ? `${pulled.name} is there already, whole: ${folder}`
      : `${pulled.name}  ${bytes(pulled.bytes)}, checked against its SHA-256, in ${folder}`,
  );
}
