import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { download } from '../../../src/embed/models/download.js';
import { fails, random, suiteFolder } from '../../lib/support.js';
import { serve, type Asked, type TestServer } from '../../support/server.js';

const BYTES = 300_000;
const next = random(5);
const CONTENT = Buffer.from(Uint8Array.from({ length: BYTES }, () => next() * 256));
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

/** As real servers do: the rest of the file where a range is asked for. */
function send(response: ServerResponse, { headers }: Asked, content: Buffer, upTo = content.length): void {
  const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': content.length - from });
  response.write(content.subarray(from, upTo), () => (upTo < content.length ? response.destroy() : response.end()));
}

describe('embed: downloads', () => {
  const folder = suiteFolder();
  let server: TestServer | undefined;
  let target = '';
  let count = 0;
  beforeEach(() => (target = folder(`file-${count++}/model.onnx`)));
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  it('fetches a file, says how far it is, and fetches nothing the second time', async () => {
    server = await serve((response, asked) => send(response, asked, CONTENT));
    const steps: number[] = [];
    const options = { bytes: BYTES, sha256: SHA256, onBytes: (have: number) => steps.push(have) };
    assert.equal(await download(`${server.url}/x`, target, options), 'fetched');
    assert.ok(readFileSync(target).equals(CONTENT));
    assert.equal(steps.at(-1), BYTES);
    assert.ok(!existsSync(`${target}.part`));
    assert.equal(await download(`${server.url}/x`, target, options), 'present');
    assert.equal(server.asked.length, 1);
  });

  it('goes on where the connection broke', async () => {
    server = await serve((response, asked, number) =>
      send(response, asked, CONTENT, number < 2 ? (number + 1) * 100_000 : BYTES),
    );
    assert.equal(await download(`${server.url}/x`, target, { bytes: BYTES, sha256: SHA256 }), 'fetched');
    assert.ok(readFileSync(target).equals(CONTENT));
    assert.ok(server.asked.slice(1).every(({ headers }) => /^bytes=[1-9]/.test(headers.range ?? '')));
  });

  it('keeps what came when it gives up, and goes on from there in the next run', async () => {
    server = await serve((response, asked, number) =>
      number === 0 ? send(response, asked, CONTENT, 120_000) : response.destroy(),
    );
    const { url } = server;
    const options = { bytes: BYTES, sha256: SHA256, retries: 1 };
    await fails(download(`${url}/x`, target, options), {
      code: 'E_REMOTE',
      message: /could not be fetched whole: .*What came is kept: run the same again to go on from there\./,
      expected: '300000 bytes',
      actual: '120000 bytes',
    });
    await server.close();
    server = await serve((response, asked) => send(response, asked, CONTENT));
    assert.equal(await download(`${server.url}/x`, target, options), 'fetched');
    assert.equal(server.asked[0]?.headers.range, 'bytes=120000-');
    assert.ok(readFileSync(target).equals(CONTENT));
  });

  it('starts over where the server knows no ranges', async () => {
    server = await serve((response, _, number) => {
      response.writeHead(200, { 'content-length': BYTES });
      if (number === 0) response.write(CONTENT.subarray(0, 90_000), () => response.destroy());
      else response.end(CONTENT);
    });
    await download(`${server.url}/x`, target, { bytes: BYTES, sha256: SHA256 });
    assert.ok(readFileSync(target).equals(CONTENT));
  });

  it('throws away what was tampered with', async () => {
    const tampered = Buffer.from(CONTENT);
    tampered[200_000] ^= 1;
    server = await serve((response, asked) => send(response, asked, tampered));
    await fails(download(`${server.url}/x`, target, { bytes: BYTES, sha256: SHA256 }), {
      code: 'E_CORRUPT',
      message: /is not the file that it should be: its SHA-256 differs\. It was thrown away\./,
      expected: SHA256,
      actual: createHash('sha256').update(tampered).digest('hex'),
    });
    assert.ok(!existsSync(target) && !existsSync(`${target}.part`));
  });

  it('takes no more than the file has', async () => {
    const endless = Buffer.concat([CONTENT, CONTENT]);
    server = await serve((response, asked) => send(response, asked, endless));
    await fails(download(`${server.url}/x`, target, { bytes: BYTES, sha256: SHA256 }), {
      code: 'E_CORRUPT',
      message: /SHA-256 differs/,
      expected: SHA256,
      actual: /^[0-9a-f]{64}$/,
    });
  });

  it('replaces a file and a part that are not right', async () => {
    server = await serve((response, asked) => send(response, asked, CONTENT));
    await download(`${server.url}/x`, target, { bytes: BYTES, sha256: SHA256 });
    writeFileSync(target, 'other');
    writeFileSync(`${target}.part`, Buffer.alloc(BYTES + 1));
    assert.equal(await download(`${server.url}/x`, target, { bytes: BYTES, sha256: SHA256 }), 'fetched');
    assert.ok(readFileSync(target).equals(CONTENT));
  });

  it('asks once for what is not there', async () => {
    server = await serve((response) => response.writeHead(404).end());
    await fails(download(`${server.url}/x`, target, { bytes: BYTES, sha256: SHA256 }), {
      code: 'E_REMOTE',
      message: `${server.url}/x answered 404 Not Found.`,
      expected: 'status 200 or 206',
      actual: '404',
    });
    assert.equal(server.asked.length, 1);
  });

  it('ends with its signal', async () => {
    server = await serve((response) => {
      response.writeHead(200, { 'content-length': BYTES });
      response.write(CONTENT.subarray(0, 1000));
    });
    const abort = new AbortController();
    const onBytes = (): void => abort.abort();
    await fails(download(`${server.url}/x`, target, { bytes: BYTES, sha256: SHA256, signal: abort.signal, onBytes }), {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
  });
});
