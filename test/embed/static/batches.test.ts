import { strict as assert } from 'node:assert';
import fc from 'fast-check';

import { batchesOf } from '../../../src/embed/static/batches.js';
import { fails } from '../support.js';

describe('embed/static: batches', () => {
  it('hold all texts in order, whole or in parts, none much too large, no surrogate pair cut', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.string({ unit: 'binary', maxLength: 900 }),
      fc.constant('👍'.repeat(300)),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 40 }), fc.integer({ min: 2, max: 400 }), (texts, most) => {
        const found: string[] = [];
        let open = false;
        for (const cut of batchesOf(texts, most)) {
          assert.equal(cut.continued, open);
          assert.equal(cut.first, found.length - (open ? 1 : 0));
          assert.ok(cut.texts.join('').length <= most, 'more than a batch holds');
          cut.texts.forEach((part, i) => {
            if (i > 0 || !open) found.push('');
            found[found.length - 1] += part;
            const cutOff = cut.open && i === cut.texts.length - 1;
            assert.ok(!cutOff || (part.charCodeAt(part.length - 1) & 0xfc00) !== 0xd800, 'half a pair at the end');
          });
          open = cut.open;
          assert.equal(cut.ended, found.length - (open ? 1 : 0) - cut.first);
        }
        assert.ok(!open);
        assert.deepEqual(found, texts);
      }),
      { numRuns: 500 },
    );
  });

  it('refuse what is no string', () =>
    fails(() => [...batchesOf(['a', null as never])], {
      code: 'E_ARGUMENT',
      message: 'texts[1] must be a string, but is null.',
      expected: 'a string',
      actual: 'null',
    }));
});
