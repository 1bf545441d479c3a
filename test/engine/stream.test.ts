import { strict as assert } from 'node:assert';
import type { Collection } from '../../src/collection/collection.js';
import type { Engine } from '../../src/engine/engine.js';
import type { EngineOptions, StreamEvent } from '../../src/engine/types.js';
import { suiteFolder } from '../lib/support.js';
import { DONE, hanging, languageModel, piece, saying, startStream } from '../support/language-model.js';
import { Opened } from '../support/service.js';

async function listed(events: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const found: StreamEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

const textOf = (events: readonly StreamEvent[]): string =>
  events.map((event) => (event.type === 'response_chunk' ? event.data : '')).join('');

describe('engine: stream', function () {
  this.timeout(60_000);
  const folder = suiteFolder();
  const opened = new Opened();
  const all = new Opened();
  let collection: Collection;
  before(async () => (collection = await all.collection(folder('shared'))));
  after(() => all.close());
  afterEach(() => opened.close());
  const start = (options: Partial<EngineOptions> = {}): Engine => opened.engine(collection, options);

  it('tells status, sources, chunks and metadata, and is the answer of query()', async () => {
    const engine = start({ cache: false });
    const events = await listed(engine.stream('How long must the dough rise?'));
    assert.deepEqual(
      events.map(({ type }) => type),
      ['status', 'sources', 'status', 'response_chunk', 'metadata'],
    );
    const { answer, sources } = await engine.query('How long must the dough rise?');
    assert.equal(textOf(events), answer);
    assert.deepEqual(events[1]?.type === 'sources' && events[1].data, sources);
    const last = events.at(-1);
    assert.ok(last?.type === 'metadata' && last.data.found && last.data.total_time > 0);
    const chunk = events[3];
    assert.ok(chunk?.type === 'response_chunk' && chunk.is_final);
  });

  it('gives the pieces of a language model as they come, the last one marked', async () => {
    const model = opened.also(await languageModel(saying('Two ', 'hours ', '[1].')));
    const events = await listed(start({ llm: { model: 'm', baseUrl: model.url } }).stream('How long?'));
    const chunks = events.flatMap((event) => (event.type === 'response_chunk' ? [[event.data, event.is_final]] : []));
    assert.deepEqual(chunks, [
      ['Two ', false],
      ['hours ', false],
      ['[1].', false],
      ['', true],
    ]);
  });

  it('remembers, for streams and for queries', async () => {
    const engine = start();
    const first = await listed(engine.stream('birds'));
    const second = await listed(engine.stream('birds'));
    const metadata = second.at(-1);
    assert.ok(metadata?.type === 'metadata' && metadata.data.cached === 'memory');
    assert.equal(textOf(second), textOf(first));
    assert.equal((await engine.query('birds')).metadata.cached, 'memory');
  });

  it('ends with an error that says what failed', async () => {
    const model = opened.also(
      await languageModel(
        (response) => void startStream(response).write(piece('half '), () => response.socket?.destroy()),
      ),
    );
    const engine = start({ llm: { model: 'm', baseUrl: model.url } });
    const events = await listed(engine.stream('How long must the dough rise?'));
    const last = events.at(-1);
    assert.ok(last?.type === 'error');
    assert.equal(last.error.code, 'E_REMOTE');
    assert.equal(engine.monitor.stats('query_errors')?.count, 1);
    // What broke is not remembered.
    assert.equal((await listed(engine.stream('How long must the dough rise?'))).at(-1)?.type, 'error');
  });

  it('ends the work when the loop is left', async () => {
    const { script, gone } = hanging();
    const model = opened.also(await languageModel(script));
    for await (const event of start({ llm: { model: 'm', baseUrl: model.url } }).stream('water')) {
      if (event.type === 'response_chunk') break;
    }
    await gone;
  });

  it('does the work once for equal questions at the same time, and tells each all of it', async () => {
    let finish = (): void => undefined;
    const model = opened.also(
      await languageModel((response) => {
        startStream(response).write(piece('Two '));
        finish = () => void response.write(piece('hours [1].'), () => response.end(DONE));
      }),
    );
    const engine = start({ llm: { model: 'm', baseUrl: model.url } });
    const first = engine.stream('How long must the dough rise?');
    const heard: StreamEvent[] = [];
    for (let event = await first.next(); event.done !== true; event = await first.next()) {
      heard.push(event.value);
      if (event.value.type === 'response_chunk') break;
    }
    // Who comes late hears it from the start; who leaves, even the first, takes nothing from the others.
    const second = listed(engine.stream('How long must the dough rise?'));
    const third = engine.stream('How long must the dough rise?');
    await third.next();
    await third.return();
    const fourth = listed(engine.stream('How long must the dough rise?'));
    await first.return();
    finish();
    for (const events of [await second, await fourth]) {
      assert.equal(textOf(events), 'Two hours [1].');
      assert.deepEqual(events.slice(0, heard.length), heard);
      assert.notEqual(events[1], heard[1]);
      assert.equal(events.at(-1)?.type, 'metadata');
    }
    assert.equal(model.asked.length, 1);
    assert.equal((await engine.query('How long must the dough rise?')).metadata.cached, 'memory');
    assert.equal(model.asked.length, 1);
  });

  it('tells all who share the work that it failed, and each his own end', async () => {
    const model = opened.also(
      await languageModel((response, _, number) => {
        startStream(response).write(piece('half '));
        if (number === 1) setTimeout(() => response.socket?.destroy(), 100);
      }),
    );
    const engine = start({ llm: { model: 'm', baseUrl: model.url } });
    const question = 'How long must the dough rise?';
    const late = await Promise.all([1, 2].map(() => listed(engine.stream(question, { deadline: 0.5 }))));
    for (const events of late) {
      const last = events.at(-1);
      assert.ok(last?.type === 'error' && last.error.code === 'E_TIMEOUT', JSON.stringify(last));
    }
    assert.equal(model.asked.length, 1);
    const broken = await Promise.all([1, 2, 3].map(() => listed(engine.stream(question))));
    for (const events of broken) {
      const last = events.at(-1);
      assert.ok(last?.type === 'error' && last.error.code === 'E_REMOTE', JSON.stringify(last));
    }
    assert.equal(model.asked.length, 2);
  });

  it('throws where it is called for wrong arguments', () => {
    assert.throws(() => start().stream(''), { code: 'E_ARGUMENT' });
  });

  it('splits a long answer into chunks of 50 words that are the answer again', async () => {
    const long = Array.from({ length: 120 }, (_, i) => `word${i}`).join(' \n');
    const llm = {
      model: 'whole',
      fingerprint: 'whole',
      // eslint-disable-next-line require-yield -- it comes whole
      async *answer() {
        return { text: long, quotes: [], found: true };
      },
    };
    const events = await listed(start({ llm }).stream('anything'));
    const chunks = events.flatMap((event) => (event.type === 'response_chunk' ? [event] : []));
    assert.deepEqual(
      chunks.map(({ data }) => data.trim().split(/\s+/).length),
      [50, 50, 20],
    );
    assert.deepEqual(
      chunks.map(({ is_final }) => is_final),
      [false, false, true],
    );
    assert.equal(textOf(events), long);
  });
});
