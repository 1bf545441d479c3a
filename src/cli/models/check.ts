/** `quiver models check` */
import type { Context } from '../context.js';
import { EXIT } from '../output.js';

export async function checkModelCommand(context: Context, name: string): Promise<void> {
  const { output, signal } = context;
  const { checkModel } = await import('../../embed/models/check.js');
  const { folder, checks } = await checkModel(name, { signal });
  const ok = checks.every((check) => check.ok);
  const width = Math.max(...checks.map(({ what }) => what.length));
  output.result({ model: name, folder, ok, checks }, () =>
    [
      folder,
      ...checks.map(({ what, ok: good, found }) => {
        const mark = good ? output.color('green', 'ok  ') : output.color('red', 'FAIL');
        return `${mark}  ${what.padEnd(width)}  ${found}`;
      }),
    ].join('\n'),
  );
  if (!ok) context.exitCode = EXIT.failed;
}
