import { strict as assert } from 'node:assert';

import { quantise } from '../../../src/embed/static/table.js';
import { startThread } from '../../../src/embed/static/thread.js';
import { Vocabulary } from '../../../src/embed/static/vocabulary.js';
import { fails } from '../support.js';

const batch = { call: 1, texts: ['one two'], continued: false, open: false };

describe('embed/static: the embedding thread', () => {
  it('rejects all that waits when it dies, and says so once', async () => {
    let ends = 0;
    // A vocabulary without its parts: the thread throws as it starts.
    const vocabulary = Object.create(Vocabulary.prototype) as Vocabulary;
    const broken = { vocabulary, dim: 4, ...quantise(new Float32Array(4), 4, 8) };
    const thread = startThread(broken, () => ends++);
    const both = [thread.run(batch), thread.run({ ...batch, call: 2 })];
    for (const work of both) {
      const error = await fails(work, {
        code: 'E_INTERNAL',
        message: /^The embedding thread ended: .*undefined.*\. The next call starts a new one\.$/,
      });
      assert.ok(error.cause instanceof TypeError || error.cause instanceof Error);
    }
    await thread.close();
    assert.equal(ends, 1);
  });

  it('rejects what waits when it is closed', async () => {
    const vocabulary = Vocabulary.of(['[UNK]', 'one', 'two']);
    const table = {
      vocabulary,
      dim: 4,
      ...quantise(
        Float32Array.from({ length: 12 }, (_, i) => i),
        4,
        8,
      ),
    };
    const thread = startThread(table, () => undefined);
    const work = thread.run({ ...batch, texts: ['one two '.repeat(400_000)] });
    const failed = fails(work, {
      code: 'E_INTERNAL',
      message: /^The embedding thread ended: exit code \d+\. The next call starts a new one\.$/,
    });
    await thread.close();
    await failed;
  });
});
