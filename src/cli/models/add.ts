/** `quiver models add` */
import type { Context } from '../context.js';

export async function addModelCommand(
  { output, signal }: Context,
  from: string,
  { name }: { name?: string },
): Promise<void> {
  const { installModel } = await import('../../embed/models/install.js');
  const added = await installModel(from, { signal, ...(name !== undefined && { name }) });
  output.result(added, () => `${added.name}  ${added.dim} dimensions, in ${added.folder}`);
}
