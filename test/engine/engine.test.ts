import { strict as assert } from 'node:assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Collection } from '../../src/collection/collection.js';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import type { EngineOptions, QueryOptions } from '../../src/engine/types.js';
import { QuiverError } from '../../lib/errors.js';
import { fails, suiteFolder } from '../lib/support.js';
import { hanging, languageModel, saying } from '../support/language-model.js';
import { Opened, TEXTS } from '../support/service.js';

describe('engine', function () {
  this.timeout(60_000);
  const folder = suiteFolder();
  const opened = new Opened();
  let count = 0;
  const all = new Opened();
  /** Of the tests that only ask. */
  let collection: Collection;
  before(async () => (collection = await all.collection(folder('shared'))));
  after(() => all.close());
  afterEach(() => opened.close());
  const own = (): Promise<Collection> => opened.collection(folder(`c${count++}`));
  const start = (options: Partial<EngineOptions> = {}, of = collection): Engine => opened.engine(of, options);

  describe('query', () => {
    it('answers with sources and with what it took', async () => {
      const result = await start().query('How long must the dough rise?');
      assert.match(result.answer, /two hours before baking\. \[1\]/);
      assert.equal(result.found, true);
      const [source] = result.sources;
      assert.equal(source?.document_id, 'bread');
      assert.equal(source.file_name, 'bread');
      assert.ok(source.relevance_score > 0 && source.relevance_score <= 1);
      assert.match(source.snippet, /dough/);
      const { metadata } = result;
      assert.deepEqual(metadata.cited, [1]);
      assert.equal(metadata.cached, false);
      assert.equal(metadata.model, 'extractive');
      assert.equal(metadata.embedding_model, 'quiver-static-256');
      assert.equal(metadata.index, 'Flat');
      assert.equal(metadata.mode, 'hybrid');
      assert.equal(metadata.generation, collection.generation);
      assert.equal(metadata.documents_retrieved, result.sources.length);
      assert.ok(metadata.total_time >= metadata.retrieval_time + metadata.llm_time);
      assert.ok(metadata.retrieval_time > 0 && metadata.llm_time > 0);
    });

    it('names the file of a source, and its place in each kind of search', async () => {
      for (const mode of ['hybrid', 'vector', 'keyword'] as const) {
        const { sources, metadata } = await start().query('Which birds swim?', { mode });
        assert.equal(sources[0]?.file_name, 'penguins.txt');
        assert.ok(sources.every(({ relevance_score: score }) => score >= 0 && score <= 1));
        assert.equal(metadata.mode, mode);
      }
    });

    it('says honestly that nothing was found', async () => {
      const { found, answer, metadata } = await start().query('What does a quantum sandwich cost in Reykjavik?');
      assert.equal(found, false);
      assert.equal(answer, 'Nothing that was found answers this.');
      assert.deepEqual(metadata.cited, []);
    });

    it('finds as many passages as asked for, and those that the filter lets be', async () => {
      const engine = start();
      assert.equal((await engine.query('water', { k: 1 })).sources.length, 1);
      const { sources } = await engine.query('water', { filter: { tenant: 'office' } });
      assert.deepEqual(
        sources.map(({ document_id }) => document_id),
        ['sqlite'],
      );
    });

    it('keeps tenants apart, whatever filter they send', async () => {
      const engine = start({ tenantField: 'tenant' });
      const ids = async (options: QueryOptions): Promise<string[]> =>
        (await engine.query('water, birds and databases', options)).sources.map(({ document_id }) => document_id);
      assert.deepEqual(await ids({ tenant: 'zoo' }), ['penguins']);
      assert.deepEqual(await ids({ tenant: 'bakery' }), ['bread']);
      const hostile = { $or: [{ tenant: 'zoo' }, { tenant: { $exists: true } }] };
      assert.deepEqual(await ids({ tenant: 'bakery', filter: hostile }), ['bread']);
      await fails(engine.query('water'), {
        code: 'E_ARGUMENT',
        message: 'tenant must be given: this engine keeps the documents of tenants apart.',
        expected: 'a text that is not empty',
        actual: 'undefined',
      });
    });

    it('asks a language model when it is given one', async () => {
      const model = opened.also(await languageModel(saying('Two hours [1].')));
      const result = await start({ llm: { model: 'small', baseUrl: model.url } }).query(
        'How long must the dough rise?',
      );
      assert.equal(result.answer, 'Two hours [1].');
      assert.deepEqual(result.metadata.cited, [1]);
      assert.equal(result.metadata.model, 'small');
    });

    it('fails with what the model said, or answers without it when asked to, and does not remember that', async () => {
      const model = opened.also(await languageModel((response) => response.writeHead(500).end('broken')));
      const llm = { model: 'small', baseUrl: model.url, retries: 0 };
      await assert.rejects(start({ llm }).query('How long must the dough rise?'), {
        code: 'E_REMOTE',
        message: /answered 500: broken/,
      });
      const engine = start({ llm: { ...llm, onFailure: 'extractive' } });
      for (let i = 0; i < 2; i++) {
        const { answer, note, metadata } = await engine.query('How long must the dough rise?');
        assert.match(answer, /two hours/);
        assert.match(note ?? '', /small did not answer/);
        assert.equal(metadata.cached, false);
      }
    });

    it('ends at its deadline, and lets the model know', async () => {
      const { script, gone } = hanging();
      const model = opened.also(await languageModel(script));
      await fails(start({ llm: { model: 'm', baseUrl: model.url } }).query('water', { deadline: 0.2 }), {
        code: 'E_TIMEOUT',
        message: 'The query took longer than its deadline of 0.2 s. Give it more time, or ask for fewer passages.',
        expected: 'an answer within 0.2 s',
        actual: 'none in time',
      });
      // On a slow machine the time may be over before the model is asked.
      if (model.asked.length > 0) await gone;
    });

    it('ends when its signal aborts', async () => {
      const abort = new AbortController();
      const model = opened.also(await languageModel(() => abort.abort()));
      const engine = start({ llm: { model: 'm', baseUrl: model.url } });
      await assert.rejects(engine.query('water', { signal: abort.signal }), { code: 'E_ABORTED' });
      await assert.rejects(engine.query('water', { signal: abort.signal }), { code: 'E_ABORTED' });
      assert.equal(engine.monitor.stats('query_errors'), undefined);
    });

    describe('wrong arguments', () => {
      const wrong = (question: unknown, options: unknown, message: string | RegExp): void => {
        it(String(message), async () => {
          await assert.rejects(start().query(question as string, options as QueryOptions), (error) => {
            assert.ok(error instanceof QuiverError);
            if (typeof message === 'string') assert.equal(error.message, message);
            else assert.match(error.message, message);
            return error.code === 'E_ARGUMENT' || error.code === 'E_RANGE';
          });
        });
      };
      wrong('', {}, 'question must be a text that is not empty, but is "".');
      wrong(7, {}, 'question must be a text that is not empty, but is 7.');
      wrong('x'.repeat(10_001), {}, 'question must be at most 10,000 characters, but is 10001.');
      wrong('q', null, 'options must be an object, but is null.');
      wrong('q', { deadline: 0 }, 'deadline must be above 0 and at most 3,600 seconds, but is 0.');
      wrong('q', { deadline: '1' }, 'deadline must be a number of seconds, but is "1".');
      wrong('q', { tenant: '' }, 'tenant must be a text that is not empty, but is "".');
      wrong('q', { cache: 1 }, 'cache must be true or false, but is 1.');
      wrong('q', { k: 0 }, /^k must be/);
    });
  });

  describe('cache', () => {
    it('remembers an answer until the collection changes', async () => {
      const collection = await own();
      const engine = start({}, collection);
      const first = await engine.query('How long must the dough rise?');
      const second = await engine.query(' How long must the dough rise? ');
      assert.equal(second.metadata.cached, 'memory');
      assert.equal(second.answer, first.answer);
      assert.deepEqual(second.sources, first.sources);
      await collection.add({ id: 'bread', text: 'The dough must rise for nine hours, says the new recipe.' });
      const third = await engine.query('How long must the dough rise?');
      assert.equal(third.metadata.cached, false);
      assert.match(third.answer, /nine hours/);
      await collection.delete('bread');
      const fourth = await engine.query('How long must the dough rise?');
      assert.equal(fourth.metadata.cached, false);
      assert.doesNotMatch(fourth.answer, /nine hours/);
    });

    it('tells requests apart that differ in anything that bears on the answer', async () => {
      const engine = start();
      const variants: QueryOptions[] = [
        {},
        { k: 2 },
        { mode: 'keyword' },
        { filter: { tenant: 'zoo' } },
        { sentences: 1 },
        { threshold: 0.1 },
        { weight: 0.9 },
        { tenant: 'a' },
        { tenant: 'b' },
      ];
      for (const options of variants) assert.equal((await engine.query('birds', options)).metadata.cached, false);
      for (const options of variants) assert.equal((await engine.query('birds', options)).metadata.cached, 'memory');
    });

    it('makes an answer once for all who ask at the same time', async () => {
      let asked = 0;
      const model = opened.also(
        await languageModel((response, one, number) => {
          asked++;
          void saying('Two hours [1].')(response, one, number);
        }),
      );
      const engine = start({ llm: { model: 'm', baseUrl: model.url } });
      const results = await Promise.all(
        Array.from({ length: 40 }, () => engine.query('How long must the dough rise?')),
      );
      assert.equal(asked, 1);
      assert.ok(results.every(({ answer }) => answer === 'Two hours [1].'));
    });

    it('can be left out, for one question or for all', async () => {
      const engine = start();
      await engine.query('birds');
      assert.equal((await engine.query('birds', { cache: false })).metadata.cached, false);
      const none = start({ cache: false });
      for (let i = 0; i < 2; i++) assert.equal((await none.query('birds')).metadata.cached, false);
      assert.equal((await none.report()).cache, undefined);
    });

    it('sees, beside a writer, what he has written', async () => {
      const collection = await own();
      const reader = opened.also(await Collection.open(collection.folder, { readOnly: true }));
      const engine = opened.engine(reader);
      await engine.query('How long must the dough rise?');
      await collection.add({ id: 'bread', text: 'The dough must rise for nine hours, says the new recipe.' });
      const { answer, metadata } = await engine.query('How long must the dough rise?');
      assert.equal(metadata.cached, false);
      assert.match(answer, /nine hours/);
    });
  });

  describe('ingest', () => {
    it('brings files in, and says what could not be read', async () => {
      const place = folder(`files${count}`);
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, 'cats.md'), '# Cats\n\nCats sleep for fifteen hours a day.');
      writeFileSync(join(place, 'broken.pdf'), '%PDF-1.4 nothing more');
      const engine = start({}, await own());
      const result = await engine.ingest(place, { root: place });
      assert.equal(result.documents, 1);
      assert.equal(result.failed, 1);
      assert.equal(result.failures[0]?.file, 'broken.pdf');
      assert.match((await engine.query('How long do cats sleep?')).answer, /fifteen hours/);
      assert.equal((await engine.ingest(place, { root: place })).unchanged, 1);
      assert.ok((engine.monitor.stats('index_time')?.count ?? 0) > 0);
    });

    it('brings texts in as they come, in batches', async () => {
      const collection = await own();
      const engine = start({ memory: { batchSize: 10 } }, collection);
      const texts = (function* () {
        for (let i = 0; i < 35; i++) yield { id: `n${i}`, text: `Note number ${i} is about thing ${i}.` };
      })();
      const { documents, chunks, skipped } = await engine.ingest({ texts });
      assert.deepEqual([documents, chunks, skipped], [35, 35, []]);
      assert.equal((await collection.count()).documents, 35 + TEXTS.length);
    });

    it('halves its batches when memory is short, and names what does not fit even alone', async () => {
      const collection = await own();
      const sizes: number[] = [];
      const short = new Proxy(collection, {
        get: (target, name) => {
          if (name === 'add') {
            return async (batch: { id: string; text: string }[]) => {
              sizes.push(batch.length);
              if (batch.some(({ text }) => text.includes('huge')) || batch.length > 4)
                throw new QuiverError('E_OUT_OF_MEMORY', 'no memory');
              return target.add(batch);
            };
          }
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
        },
      });
      const engine = opened.also(createEngine({ collection: short, memory: { batchSize: 16 } }));
      const texts = Array.from({ length: 16 }, (_, i) => ({
        id: `t${i}`,
        text: i === 6 ? 'a huge one' : `small ${i}`,
      }));
      const { documents, skipped } = await engine.ingest({ texts });
      assert.equal(documents, 15);
      assert.deepEqual(skipped, ['t6']);
      assert.equal(sizes[0], 16);
      assert.ok(sizes.includes(1));
    });
  });

  describe('report', () => {
    it('says how it does, and what it holds', async () => {
      const engine = start({ name: 'animals' });
      await engine.query('birds');
      await engine.query('birds');
      const report = await engine.report();
      assert.equal(report.collection.name, 'animals');
      assert.equal(report.collection.documents, 3);
      assert.deepEqual(report.model, { answer: 'extractive', embedding: 'quiver-static-256' });
      assert.equal(report.index.kind, 'Flat');
      assert.equal(report.cache?.hit_rate, 0.5);
      for (const name of ['query_response_time', 'query_success', 'cache_hit', 'cache_time'] as const) {
        assert.equal(report.metrics[name]?.count, 2, name);
      }
      for (const name of ['retrieval_time', 'llm_time', 'documents_retrieved', 'embedding_time'] as const) {
        assert.equal(report.metrics[name]?.count, 1, name);
      }
      assert.equal(JSON.stringify(report).includes('null'), false);
    });

    it('counts what failed', async () => {
      const model = opened.also(await languageModel((response) => response.writeHead(400).end('no')));
      const engine = start({ llm: { model: 'm', baseUrl: model.url } });
      await assert.rejects(engine.query('water'));
      assert.equal(engine.monitor.stats('query_errors')?.count, 1);
    });
  });

  describe('life', () => {
    it('refuses every call after it was closed, and leaves the collection open', async () => {
      const engine = start();
      await engine.close();
      await engine.close();
      const closed = { code: 'E_CLOSED', message: 'The engine is closed.' };
      await assert.rejects(engine.query('q'), closed);
      assert.throws(() => engine.stream('q'), closed);
      await assert.rejects(engine.ingest('x'), closed);
      await assert.rejects(engine.report(), closed);
      await assert.rejects(engine.ready(), closed);
      assert.equal((await collection.count()).documents, 3);
    });

    it('is ready while its collection is, and says what is in the way when not', async () => {
      const collection = await own();
      const engine = start({}, collection);
      await engine.ready();
      await collection.close();
      await assert.rejects(engine.ready(), { code: 'E_CLOSED' });
    });

    it('refuses wrong options', () => {
      assert.throws(() => createEngine(undefined as never), {
        code: 'E_ARGUMENT',
        message: 'options must be an object, but is undefined.',
      });
      assert.throws(() => createEngine({} as never), {
        code: 'E_ARGUMENT',
        message: 'collection must be an object, but is undefined.',
      });
      assert.throws(() => start({ deadline: -1 }), { code: 'E_RANGE' });
      assert.throws(() => start({ llm: 'gpt' as never }), {
        code: 'E_ARGUMENT',
        message: 'llm must be an object, but is "gpt".',
      });
    });
  });
});
