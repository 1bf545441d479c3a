import { strict as assert } from 'node:assert';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineReport, QueryResult } from '../../src/engine/types.js';
import { DONE, languageModel, piece, startStream } from '../support/language-model.js';
import { ended, quiver, quiverError, quiverJson, start, suiteFolder, type Ended } from './support.js';

const KEY = '0123456789abcdef0123';

interface Running {
  child: ChildProcess;
  url: string;
  said: string;
  end: Promise<Ended>;
}

async function ask(url: string, question: string, key?: string): Promise<QueryResult> {
  const response = await fetch(`${url}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key !== undefined && { 'x-api-key': key }) },
    body: JSON.stringify({ question }),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as QueryResult;
}

describe('quiver serve, quiver report', function () {
  this.timeout(120_000);
  const file = suiteFolder();
  const children = new Set<ChildProcess>();

  before(() => {
    mkdirSync(file('docs'));
    writeFileSync(file('docs/penguins.md'), '# Penguins\n\nPenguins are birds. They cannot fly, but they swim well.\n');
    writeFileSync(
      file('docs/bread.txt'),
      'Bread is baked from flour, water and yeast. The dough must rise for two hours.',
    );
  });

  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
  });

  /** Starts a server on a free port, and waits until it says where it is. */
  async function serving(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
    const child = start(['serve', ...args, '--port', '0'], env);
    children.add(child);
    const end = ended(child);
    let said = '';
    child.stdout?.on('data', (text: string) => (said += text));
    const early = end.then(({ stderr }) => assert.fail(`it ended: ${stderr}`));
    while (!/http:\S+/.test(said)) await Promise.race([once(child.stdout!, 'data'), early]);
    early.catch(() => undefined);
    return { child, url: /http:[^\s"]+/.exec(said)?.[0] ?? '', said, end };
  }

  it('reads a folder, answers, tells how it does, and ends on SIGTERM', async () => {
    const { child, url, said, end } = await serving([file('docs')]);
    assert.match(said, /^http:\/\/127\.0\.0\.1:\d+ {2}2 documents, 2 chunks\nCtrl-C ends it\.\n$/);
    const { answer, sources, metadata } = await ask(url, 'Can penguins fly?');
    assert.match(answer, /They cannot fly, but they swim well\. \[1\]/);
    assert.equal(sources[0]?.file_name, 'penguins.md');
    assert.equal(metadata.cached, false);
    assert.equal((await ask(url, 'Can penguins fly?')).metadata.cached, 'memory');

    const report = await quiverJson<EngineReport>('report', url);
    assert.equal(report.metrics.query_success?.total, 2);
    assert.equal(report.cache?.hits.memory, 1);
    assert.equal(report.collection.documents, 2);
    const { code, stdout } = await quiver('report', url);
    assert.equal(code, 0);
    assert.match(stdout, /^health \d+\/100 {3}up .*2 queries, 50 % from the cache\n/);
    assert.match(stdout, /query_response_time +2 .*\n/);
    assert.match(stdout, /availability +99\.9 % +< 99\.5 % +100\.0 % +ok/);

    child.kill('SIGTERM');
    const { code: ending, stderr } = await end;
    assert.equal(ending, 0, stderr);
    assert.match(stderr, /SIGTERM, stopping/);
  });

  it('reads again only what has changed, with --json', async () => {
    writeFileSync(file('docs/cats.txt'), 'Cats sleep for sixteen hours a day.');
    const { child, said, url, end } = await serving([file('docs'), '--json', '--no-page']);
    const told = JSON.parse(said) as { documents: number; url: string };
    assert.deepEqual([told.documents, told.url], [3, url]);
    assert.equal((await fetch(`${url}/`)).status, 404);
    child.kill('SIGINT');
    assert.equal((await end).code, 0);
    rmSync(file('docs/cats.txt'));
  });

  it('removes documents whose file has left the folder, and no others', async () => {
    const docs = file('leaving');
    mkdirSync(join(docs, 'deep'), { recursive: true });
    writeFileSync(join(docs, 'stays.txt'), 'Owls hunt at night.');
    writeFileSync(join(docs, 'goes.txt'), 'Storks nest on roofs.');
    writeFileSync(join(docs, 'deep/records.csv'), 'id,text\n1,"Gulls eat fish."\n2,"Crows eat all."\n');
    /** What is there after a start; stop() returns what was said about files that are gone. */
    const serveDocs = async (
      ...args: string[]
    ): Promise<{ ids: string[]; url: string; stop: () => Promise<string[]> }> => {
      const { child, url, end } = await serving([docs, ...args]);
      const response = await fetch(`${url}/api/documents`);
      const { documents } = (await response.json()) as { documents: { id: string }[] };
      const stop = async (): Promise<string[]> => {
        child.kill('SIGTERM');
        return (await end).stderr.split('\n').filter((line) => line.includes('no longer in the folder'));
      };
      return { ids: documents.map(({ id }) => id), url, stop };
    };
    const upload = async (url: string, name: string, text: string): Promise<void> => {
      const form = new FormData();
      form.append('files', new Blob([text]), name);
      assert.equal((await fetch(`${url}/api/documents`, { method: 'POST', body: form })).status, 200);
    };
    const all = ['deep/records.csv#1', 'deep/records.csv#2', 'goes.txt', 'stays.txt'];
    const first = await serveDocs();
    assert.deepEqual(first.ids, all);
    await upload(first.url, 'dropped.txt', 'Swifts sleep in the air.');
    assert.deepEqual(await first.stop(), []);

    rmSync(join(docs, 'goes.txt'));
    rmSync(join(docs, 'deep'), { recursive: true });
    const kept = await serveDocs('--keep-missing');
    assert.deepEqual(kept.ids, ['deep/records.csv#1', 'deep/records.csv#2', 'dropped.txt', 'goes.txt', 'stays.txt']);
    assert.deepEqual(await kept.stop(), ['2 files no longer in the folder: 3 documents kept']);

    const removed = await serveDocs();
    assert.deepEqual(removed.ids, ['dropped.txt', 'stays.txt']);
    assert.deepEqual(await removed.stop(), ['2 files no longer in the folder: 3 documents removed']);

    // Under the name of a file that is gone, something else was sent.
    rmSync(join(docs, 'stays.txt'));
    writeFileSync(join(docs, 'new.txt'), 'Herons stand still.');
    const between = await serveDocs('--keep-missing');
    await upload(between.url, 'stays.txt', 'Wrens are small.');
    await between.stop();
    const last = await serveDocs();
    assert.deepEqual(last.ids, ['dropped.txt', 'new.txt', 'stays.txt']);
    assert.deepEqual(await last.stop(), []);
  });

  it('lets an answer that is under way finish when it is told to end', async () => {
    const model = await languageModel(async (response) => {
      startStream(response).write(piece('They swim'));
      await sleep(1500);
      response.write(piece(' well [1].'));
      response.end(DONE);
    });
    try {
      const { child, url, end } = await serving([file('docs'), '--llm', 'slow', '--llm-url', `${model.url}/v1`]);
      const answer = ask(url, 'Can penguins fly?');
      while (model.asked.length === 0) await sleep(10);
      child.kill('SIGTERM');
      assert.equal((await answer).answer, 'They swim well [1].');
      const answered = performance.now();
      assert.equal((await end).code, 0);
      // What kept its connection open after its answer holds nobody up: the limit for those that do not end is 10 s.
      assert.ok(performance.now() - answered < 5000);
    } finally {
      await model.close();
    }
  });

  it('asks for the key it was given, and `quiver report` brings it', async () => {
    const { url } = await serving([file('docs')], { QUIVER_API_KEY: KEY });
    assert.equal((await fetch(`${url}/api/performance`)).status, 401);
    assert.equal((await ask(url, 'Can penguins fly?', KEY)).found, true);
    assert.equal((await quiver('report', url, '--key', KEY)).code, 0);
    const { code, message } = await quiverError(1, 'report', url);
    assert.equal(code, 'E_REMOTE');
    assert.match(message, /answered 401\. Give its key with --key or QUIVER_API_KEY\.$/);
  });

  it('does not listen beyond this machine without a key', async () => {
    const { code, message } = await quiverError(1, 'serve', file('docs'), '--host', '0.0.0.0', '--port', '0');
    assert.equal(code, 'E_ARGUMENT');
    assert.match(message, /^Listening on 0\.0\.0\.0 would answer to everybody .*QUIVER_API_KEY/);
  });

  it('says what is wrong with its options', async () => {
    const url = await quiverError(2, 'serve', file('docs'), '--llm-url', 'http://127.0.0.1:1/v1');
    assert.match(url.message, /^--llm: expected the name of a language model beside --llm-url and --fallback/);
    assert.match((await quiverError(2, 'serve', '--log', 'loud')).message, /^--log: expected debug, .* found "loud"/);
    assert.match((await quiverError(2, 'serve', '--port', '70000')).message, /--port/);
  });

  it('says that nobody is there to report', async () => {
    const { code, message } = await quiverError(1, 'report', 'http://127.0.0.1:1');
    assert.equal(code, 'E_REMOTE');
    assert.match(message, /cannot be reached: .* Start one: quiver serve <collection>$/);
  });
});
