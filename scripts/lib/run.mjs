/** Runs programs: output kept for the error message, optionally logged to a file and followed line by line. */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] added to the environment of this process
 * @property {string} [log] file to append all output to
 * @property {(line: string) => void} [onLine] called for each line of output
 * @property {number} [timeoutMs]
 * @property {boolean} [inherit] gives the program this terminal; nothing is kept
 */

/**
 * @typedef {object} RunResult
 * @property {number} code exit code; 127 when the program could not be started, 124 after a timeout
 * @property {string} stdout
 * @property {string} output stdout and stderr together, the last 256 KiB of it
 */

const KEPT = 256 * 1024;

/** @param {string} text @param {string} chunk */
function keep(text, chunk) {
  const joined = text + chunk;
  return joined.length > KEPT ? joined.slice(-KEPT) : joined;
}

/** @param {(line: string) => void} onLine */
function lineSplitter(onLine) {
  let rest = '';
  return (/** @type {string} */ chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
}

/**
 * Never rejects because of the program: the caller reads `code` and words the error.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export async function run(command, args, options = {}) {
  const log = options.log ? createWriteStream(options.log, { flags: 'a' }) : undefined;
  log?.write(`$ ${[command, ...args].join(' ')}\n`);
  const result = await new Promise((/** @type {(result: RunResult) => void} */ resolve) => {
    let stdout = '';
    let output = '';
    let timedOut = false;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: options.inherit ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    const timer = options.timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          child.kill('SIGKILL');
        }, options.timeoutMs)
      : undefined;
    const split = options.onLine ? lineSplitter(options.onLine) : undefined;
    const take = (/** @type {string} */ chunk) => {
      output = keep(output, chunk);
      log?.write(chunk);
      split?.(chunk);
    };
    child.stdout?.setEncoding('utf8').on('data', (chunk) => {
      stdout = keep(stdout, chunk);
      take(chunk);
    });
    child.stderr?.setEncoding('utf8').on('data', take);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 127, stdout, output: `${output}${error.message}` });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (timedOut) output += `\nstopped after ${(options.timeoutMs ?? 0) / 1000} s without an answer`;
      resolve({ code: timedOut ? 124 : (code ?? 1), stdout, output });
    });
  });
  if (log) {
    log.end();
    await once(log, 'close');
  }
  return result;
}
