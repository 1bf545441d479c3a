import assert from 'node:assert/strict';
import { runScript, withFolder } from '../support/run.js';

/** Runs one check on a folder that holds only these files. */
function check(name: string, files: Record<string, string>) {
  return withFolder(files, (folder) => runScript('check.mjs', ['--only', name, '--root', folder]));
}

function assertRefused(name: string, files: Record<string, string>, message: RegExp) {
  const { status, stderr, stdout } = check(name, files);
  assert.match(stderr, message);
  assert.match(stdout, new RegExp(`FAILED ${name}`));
  assert.equal(status, 1);
}

function assertAccepted(name: string, files: Record<string, string>) {
  const { status, stderr, stdout } = check(name, files);
  assert.equal(stderr, '');
  assert.match(stdout, new RegExp(`ok +${name}`));
  assert.equal(status, 0);
}

describe('the rule that native/core and native/kernels know no Node', () => {
  const forbidden = [
    '<napi.h>',
    '<node_api.h>',
    '"js_native_api.h"',
    '<v8.h>',
    '<uv.h>',
    '"../binding/work.h"',
    '"binding/work.h"',
  ];
  for (const target of forbidden) {
    for (const part of ['core', 'kernels', 'cuda']) {
      it(`refuses ${target} in native/${part}`, () => {
        assertRefused(
          'native-rule',
          { [`native/${part}/a.h`]: `#pragma once\n  #  include ${target}\n` },
          new RegExp(`native/${part}/a\\.h:2: native/${part} includes `),
        );
      });
    }
  }

  it('refuses a header of native/binding by its bare name', () => {
    assertRefused('native-rule', { 'native/core/a.cc': '#include "work.h"\n', 'native/binding/work.h': '' }, /a\.cc:1/);
  });

  it('accepts the same name when it is the folder’s own', () => {
    assertAccepted('native-rule', {
      'native/core/a.cc': '#include "work.h"\n',
      'native/core/work.h': '',
      'native/binding/work.h': '',
    });
  });

  it('refuses CUDA in native/core, and accepts it in native/cuda', () => {
    for (const target of ['<cuda_runtime_api.h>', '<faiss/gpu/GpuCloner.h>', '"cuda/gpu_index.h"']) {
      assertRefused('native-rule', { 'native/core/a.cc': `#include ${target}\n` }, /must not know CUDA/);
      assertAccepted('native-rule', { 'native/cuda/a.cc': `#include ${target}\n` });
    }
  });

  it('accepts napi.h in native/binding, FAISS in native/core, and a forbidden name in a comment', () => {
    assertAccepted('native-rule', {
      'native/binding/a.cc': '#include <napi.h>\n',
      'native/core/a.cc': '// #include <napi.h>\n/*\n#include <node_api.h>\n*/\n#include <faiss/Index.h>\n',
    });
  });
});

describe('the rule that imports point down', () => {
  const refused: [what: string, files: Record<string, string>, message: RegExp][] = [
    [
      'lib importing src',
      { 'lib/a.ts': "import { b } from '../src/engine/b.js';\n" },
      /lib\/a\.ts:1: lib imports src\/engine/,
    ],
    [
      'lib importing a type of src',
      { 'lib/a.ts': "import type { B } from '../src/engine/b.js';\n" },
      /lib imports src/,
    ],
    ['lib importing src on demand', { 'lib/a.ts': "\nvoid import('../src/cli/b.js');\n" }, /lib\/a\.ts:2: lib imports/],
    ['lib naming a type of src in place', { 'lib/a.ts': "type B = import('../src/cli/b.js').B;\n" }, /lib imports/],
    ['lib re-exporting src', { 'lib/a.ts': "export * from '../src/store/b.js';\n" }, /lib imports src\/store/],
    ['lib importing a package', { 'lib/a.ts': "import c from 'commander';\n" }, /lib imports the package "commander"/],
    ['lib importing a test', { 'lib/a.ts': "import '../test/b.js';\n" }, /lib imports test/],
    [
      'store importing engine',
      { 'src/store/a.ts': "import { b } from '../engine/b.js';\n" },
      /src\/store imports src\/engine/,
    ],
    [
      'engine importing cli',
      { 'src/engine/a.ts': "import { b } from '../cli/b.js';\n" },
      /src\/engine imports src\/cli/,
    ],
    [
      'cache importing its neighbour',
      { 'src/cache/a.ts': "import { b } from '../store/b.js';\n" },
      /src\/cache imports src\/store/,
    ],
    ['engine importing src/index', { 'src/engine/a.ts': "import { b } from '../index.js';\n" }, /imports src\/index/],
    ['an unknown folder', { 'src/misc/a.ts': 'export {};\n' }, /src\/misc is not on the map/],
  ];
  for (const [what, files, message] of refused) {
    it(`refuses ${what}`, () => assertRefused('import-rule', files, message));
  }

  it('accepts what points down, types of a neighbour, and Node’s own modules', () => {
    assertAccepted('import-rule', {
      'lib/index.ts': "export { a } from './a.js';\n",
      'lib/a.ts': "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n",
      'src/index.ts': "export { c } from './engine/c.js';\n",
      'src/store/b.ts':
        "import { a } from '../../lib/index.js';\nimport type { E } from '../embed/e.js';\nexport const b: E = a;\n",
      'src/engine/c.ts': "import { b } from '../store/b.js';\nexport const c = b;\n",
      'src/server/d.ts': "import { c } from '../engine/c.js';\nexport const d = c;\n",
      'src/cli/e.ts': "import { d } from '../server/d.js';\nimport { Command } from 'commander';\nd(Command);\n",
    });
  });
});

describe('the rule that an index.ts only exports', () => {
  for (const [what, text] of [
    ['a definition', "export { a } from './a.js';\nexport const b = 1;\n"],
    ['a call', "export { a } from './a.js';\nconsole.log(1);\n"],
    ['an import', "export { a } from './a.js';\nimport './b.js';\n"],
  ] as const) {
    it(`refuses ${what}`, () =>
      assertRefused('export-rule', { 'lib/index.ts': text }, /lib\/index\.ts:2: an index\.ts only exports/));
  }

  it('accepts exports of values and types', () => {
    assertAccepted('export-rule', {
      'lib/index.ts': "/** All. */\nexport { a } from './a.js';\nexport type * from './types.js';\n",
    });
  });
});

describe('the rule that the lock file names no registry', () => {
  it('refuses a resolved address', () => {
    const lock = '{\n  "packages": { "a": {\n    "resolved": "https://registry.example/a.tgz"\n} } }\n';
    assertRefused('lock-rule', { 'package-lock.json': lock }, /package-lock\.json:3: names a registry/);
  });

  it('accepts a lock file without addresses', () => {
    assertAccepted('lock-rule', { 'package-lock.json': '{ "packages": {} }\n' });
  });
});

describe('the rule that skipped C++ tests say why', () => {
  it('refuses GTEST_SKIP without a reason and disabled tests', () => {
    const silent = '\nTEST(A, B) { GTEST_SKIP(); }\n';
    assertRefused(
      'skip-rule',
      { 'native/test/a.cc': silent },
      /native\/test\/a\.cc:2: GTEST_SKIP\(\): a skipped test says why/,
    );
    assertRefused('skip-rule', { 'native/test/a.cc': 'TEST(A, DISABLED_B) {}\n' }, /a\.cc:1: DISABLED_B/);
  });

  it('accepts one with a reason', () => {
    assertAccepted('skip-rule', { 'native/test/a.cc': 'TEST(A, B) { GTEST_SKIP() << "no GPU"; }\n' });
  });
});

describe('the layout of C++', () => {
  const style = 'BasedOnStyle: Google\nColumnLimit: 120\n';

  it('refuses a file that clang-format would change, and names the line', () => {
    const files = { '.clang-format': style, 'native/core/a.cc': 'int a = 1;\nint  b=2;\n' };
    assertRefused('native-layout', files, /native\/core\/a\.cc:2: layout/);
  });

  it('accepts a file as clang-format writes it', () => {
    assertAccepted('native-layout', { '.clang-format': style, 'native/core/a.cc': 'int a = 1;\nint b = 2;\n' });
  });
});

describe('npm run check', () => {
  it('refuses an unknown check by name', () => {
    const { status, stderr } = runScript('check.mjs', ['--only', 'layuot']);
    assert.equal(status, 1);
    assert.match(stderr, /--only: expected some of layout, .* found layuot/);
  });

  it('fails, saying how to go on, when clang-tidy has no compile commands', () => {
    assertRefused(
      'native-lint',
      { 'native/core/a.cc': 'int a;\n' },
      /compile_commands\.json, found none\. Run `node scripts\/build\.mjs/,
    );
  });
});
