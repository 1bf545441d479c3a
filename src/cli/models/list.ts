/** `quiver models list` */
import type { Context } from '../context.js';
import { bytes, table } from '../format.js';

export async function listModelsCommand({ output }: Context): Promise<void> {
  const { listModels } = await import('../../embed/models/catalogue.js');
  const { modelsHome } = await import('../../embed/models/home.js');
  const models = await listModels();
  const rows = models.map(({ name, aliases, kind, dim, languages, license, bytes: size, folder, shipped }) => [
    name,
    aliases.join(', '),
    kind,
    dim === undefined ? '?' : String(dim),
    languages ?? '',
    license ?? '',
    bytes(size),
    shipped ? 'comes with the package' : folder === undefined ? `quiver models pull ${aliases[0] ?? name}` : 'here',
  ]);
  const head = ['model', 'also', 'kind', 'dim', 'languages', 'licence', 'size', 'where'];
  const text = await table(head, ['left', 'left', 'left', 'right', 'left', 'left', 'right', 'left'], rows);
  output.result({ home: modelsHome(), models }, () => text);
  output.note(output.dim('Folders with model.onnx work too, by their path, and openai:<model> for services.'));
}
