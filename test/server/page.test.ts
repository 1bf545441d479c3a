import { strict as assert } from 'node:assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Collection } from '../../src/collection/collection.js';
import { suiteFolder } from '../lib/support.js';
import { startBrowser } from '../support/browser.js';
import { languageModel, piece, startStream } from '../support/language-model.js';
import { Opened } from '../support/service.js';
import { start, until } from './support.js';

const KEY = 'a-key-that-nobody-guesses';

describe('server: page', function () {
  this.timeout(240_000);
  const folder = suiteFolder();
  const opened = new Opened();
  const all = new Opened();
  /** Of those that only ask. */
  let shared: Collection;
  let browser: Browser;
  let count = 0;
  /** What the page complained about: nothing, in every test. */
  let complaints: string[];
  before(async function () {
    browser = await startBrowser(this);
    shared = await all.collection(folder('shared'));
  });
  after(async () => {
    await browser?.close();
    await all.close();
  });
  const own = (): Promise<Collection> => opened.collection(folder(`s${count++}`));
  beforeEach(() => (complaints = []));
  afterEach(() => opened.close());

  const open = async (
    options: Parameters<typeof start>[2] = {},
    settings: BrowserContextOptions = {},
    collection = shared,
  ): Promise<{ page: Page } & Awaited<ReturnType<typeof start>>> => {
    const started = await start(opened, collection, options);
    const context = opened.also(await browser.newContext(settings));
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // A refusal with 401 is shown in the console by the browser itself.
      if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text());
    });
    await page.goto(started.url);
    return { page, ...started };
  };
  const ask = async (page: Page, question: string): Promise<void> => {
    await page.getByLabel('Question').fill(question);
    await page.keyboard.press('Enter');
  };

  it('asks by keyboard, and shows the answer with its sources beside it', async () => {
    const { page } = await open();
    await page.getByText('3 documents in 3 chunks').waitFor();
    // The field has the focus already.
    await page.keyboard.type('How long must the dough rise?');
    await page.keyboard.press('Enter');
    await page.locator('#answer', { hasText: 'two hours' }).waitFor();
    await page.locator('#timing', { hasText: 'passages' }).waitFor();
    const first = page.locator('#sources li').first();
    assert.match((await first.textContent()) ?? '', /bread.*dough must rise/s);
    assert.match((await first.getAttribute('class')) ?? '', /cited/);
    assert.ok((await first.locator('mark').count()) > 0);
    // Citations lead to their source.
    await page.locator('#answer .cite').first().press('Enter');
    assert.match(page.url(), /#source-1$/);
    // `/` leads back to the question.
    await page.keyboard.press('/');
    assert.equal(await page.evaluate('document.activeElement.id'), 'question');
    assert.deepEqual(complaints, []);
  });

  it('shows an answer as it streams, and stops it', async () => {
    let left = false;
    const model = opened.also(
      await languageModel((response) => {
        startStream(response).write(piece('The first words'));
        response.once('close', () => (left = true));
      }),
    );
    const { page } = await open({ engine: { llm: { model: 'm', baseUrl: model.url } } });
    await ask(page, 'How long must the dough rise?');
    await page.locator('#answer', { hasText: 'The first words' }).waitFor();
    assert.equal(await page.locator('#status').textContent(), 'Writing the answer …');
    await page.keyboard.press('Escape');
    await page.locator('#status', { hasText: 'Stopped.' }).waitFor();
    await until('the model hears of it', () => left);
    assert.deepEqual(complaints, []);
  });

  it('takes files, shows how far it is and what failed, and answers from them', async () => {
    const { page } = await open({}, {}, await own());
    const place = folder(`files${count}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'cats.md'), '# Cats\n\nCats sleep for fifteen hours a day.');
    writeFileSync(join(place, 'broken.pdf'), '%PDF-1.4 nothing more');
    await page.locator('#files').setInputFiles([join(place, 'cats.md'), join(place, 'broken.pdf')]);
    await page.locator('#upload-text', { hasText: '1 document in 1 chunk added' }).waitFor();
    assert.match((await page.locator('#upload-failures').textContent()) ?? '', /^broken\.pdf: /);
    await page.getByText('4 documents in 4 chunks').waitFor();
    await ask(page, 'How long do cats sleep?');
    await page.locator('#answer', { hasText: 'fifteen hours' }).waitFor();
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Delete cats.md' }).click();
    await page.getByText('3 documents in 3 chunks').waitFor();
    assert.deepEqual(complaints, []);
  });

  it('moves its charts, and shows service levels', async () => {
    const { page, engine } = await open();
    const memory = page.locator('#chart-memory .value');
    await memory.filter({ hasText: 'MB' }).waitFor();
    assert.equal(await page.locator('#chart-latency .value').textContent(), '– median');
    await engine.query('birds');
    await engine.query('birds');
    await page.locator('#chart-latency .value', { hasText: /\d (ms|s)/ }).waitFor();
    await page.locator('#chart-cache .value', { hasText: '50 %' }).waitFor();
    await page.locator('#health-text', { hasText: /health \d+/ }).waitFor();
    assert.equal(await page.locator('#sla tr').count(), 6);
    // Something is drawn: the canvas of the first chart is not of one colour.
    const drawn = await page.evaluate(`(() => {
      const canvas = document.querySelector('#chart-memory canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value) => value !== data[0]);
    })()`);
    assert.equal(drawn, true);
    assert.deepEqual(complaints, []);
  });

  it('says what went wrong, in words', async () => {
    const model = opened.also(await languageModel((response) => response.writeHead(500).end('the model is broken')));
    const { page, server } = await open({ engine: { llm: { model: 'm', baseUrl: model.url, retries: 0 } } });
    await ask(page, 'How long must the dough rise?');
    await page.getByRole('alert').filter({ hasText: 'answered 500: the model is broken' }).waitFor();
    await server.close();
    await ask(page, 'How long must the dough rise?');
    await page.getByRole('alert').filter({ hasText: 'The server cannot be reached. Is it still running?' }).waitFor();
    await page.locator('#health-text', { hasText: 'not reachable' }).waitFor();
  });

  it('shows what documents say as text, whatever it looks like', async () => {
    const { page, collection } = await open({}, {}, await own());
    const text =
      'The secret of <img src=x onerror="document.title=\'owned\'"> is <script>document.title="owned"</script> patience.';
    await collection.add({ id: '<b>bold</b>', title: '<i>title</i>', text });
    await page.reload();
    await ask(page, 'What is the secret?');
    await page.locator('#answer', { hasText: 'patience' }).waitFor();
    await page.locator('#timing', { hasText: 'passages' }).waitFor();
    assert.equal(await page.title(), 'Quiver');
    assert.equal(await page.locator('#sources img, #answer img, #answer script, #document-list i').count(), 0);
    assert.deepEqual(complaints, []);
  });

  it('tells documents of one title apart by their path', async () => {
    const long = `packages/${'a-folder-with-a-long-name/'.repeat(6)}LICENSE`;
    const { page, collection } = await open({}, {}, await own());
    await collection.add([
      { id: 'lodash/LICENSE', title: 'LICENSE', text: 'Permission is hereby granted, free of charge.' },
      { id: long, title: 'LICENSE', text: 'Redistribution and use are permitted.' },
      { id: 'plain.txt', text: 'A document without a title.' },
    ]);
    await page.reload();
    const of = (text: string) => page.locator('#document-list li', { hasText: text });
    await of('plain.txt').waitFor();
    assert.equal(await of('LICENSE').count(), 2);
    assert.equal(await of('lodash/LICENSE').locator('.path').textContent(), 'lodash/LICENSE');
    // Small, and a long one is there to its end.
    const paths = await page.evaluate(`[...document.querySelectorAll('#document-list li .path')].map((path) => ({
      small: parseFloat(getComputedStyle(path).fontSize) < parseFloat(getComputedStyle(path.previousSibling).fontSize),
      cut: path.scrollWidth > path.clientWidth,
    }))`);
    assert.deepEqual(
      paths,
      Array.from({ length: 5 }, () => ({ small: true, cut: false })),
    );
    // Where the title is the path already, once is enough.
    assert.equal(await of('plain.txt').locator('.path').count(), 0);
    assert.deepEqual(complaints, []);
  });

  it('asks for the key where one is needed, once, and remembers it in its tab', async () => {
    const { page } = await open({ apiKeys: [KEY] });
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await dialog.getByLabel('Key').fill(KEY);
    await page.keyboard.press('Enter');
    await page.getByText('3 documents in 3 chunks').waitFor();
    await page.reload();
    await page.getByText('3 documents in 3 chunks').waitFor();
    assert.equal(await dialog.isVisible(), false);
  });

  it('fits a phone, and both dark and light', async () => {
    const { page } = await open({}, { viewport: { width: 375, height: 720 }, colorScheme: 'dark' });
    await ask(page, 'How long must the dough rise?');
    await page.locator('#timing', { hasText: 'passages' }).waitFor();
    await page.locator('#chart-memory .value', { hasText: 'MB' }).waitFor();
    const wide = await page.evaluate('document.documentElement.scrollWidth');
    assert.ok((wide as number) <= 375, `the page is ${String(wide)} wide`);
    const ground = (): Promise<unknown> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    assert.equal(await ground(), 'rgb(16, 20, 21)');
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await ground(), 'rgb(247, 248, 248)');
    assert.deepEqual(complaints, []);
  });
});
