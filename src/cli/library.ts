import type * as Library from '../../lib/index.js';

/**
 * The vector library, loaded when a command needs it: `quiver --help` stays quick, and `quiver doctor` can say what is
 * wrong where the addon cannot be loaded.
 */
export async function loadLibrary(): Promise<typeof Library> {
  return import('../../lib/index.js');
}
