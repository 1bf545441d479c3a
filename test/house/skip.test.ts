import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot, runScript, withFolder } from '../support/run.js';

const helper = pathToFileURL(join(repositoryRoot, 'dist/test/support/skip.js')).href;

function lastLines(source: string) {
  return withFolder({ 'one.test.mjs': source }, (folder) => {
    const file = join(folder, 'one.test.mjs');
    return runScript('test.mjs', ['--no-setup', '--spec', file], { QUIVER_SHARED: folder }).stdout;
  });
}

describe('skip', () => {
  it('gives the reason for a test', () => {
    const stdout = lastLines(`import { skip } from '${helper}';
      it('a', function () { skip(this, 'no reason to run'); }); it('b', () => {});`);
    assert.match(stdout, /skipped: no reason to run/);
    assert.match(stdout, /\n1 passed, 0 failed, 1 skipped\n$/);
  });

  it('gives the reason for a whole suite from its before hook', () => {
    const stdout = lastLines(`import { skip } from '${helper}';
      describe('s', () => { before(function () { skip(this, 'no server'); }); it('a', () => {}); it('b', () => {}); });
      it('c', () => {});`);
    assert.equal(stdout.split('skipped: no server').length - 1, 2);
    assert.match(stdout, /\n1 passed, 0 failed, 2 skipped\n$/);
  });

  it('names the shared file that is missing', () => {
    const stdout = lastLines(`import { needShared } from '${helper}';
      it('a', function () { needShared(this, 'data', 'cranfield'); }); it('b', () => {});`);
    assert.match(stdout, /skipped: data\/cranfield not found in QUIVER_SHARED/);
    assert.match(stdout, /\n1 passed, 0 failed, 1 skipped\n$/);
  });
});
