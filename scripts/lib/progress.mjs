/**
 * Progress of a long build on stderr: one line that rewrites itself on a terminal, a plain line every ten percent
 * elsewhere (a log file keeps no carriage returns).
 */

/**
 * The share done that a line of a build tool tells: `[12/345]` from ninja, `[ 12%]` from make.
 *
 * @param {string} line
 * @returns {number | undefined} 0 to 1
 */
export function shareDone(line) {
  const counted = /^\[(\d+)\/(\d+)\]/.exec(line);
  if (counted) return Number(counted[1]) / Math.max(1, Number(counted[2]));
  const percent = /^\[\s*(\d+)%\]/.exec(line);
  return percent ? Number(percent[1]) / 100 : undefined;
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return `${Math.round(milliseconds / 1000)} s`;
}

export class Progress {
  #label;
  #stream;
  #started = Date.now();
  #lastStep = 0;
  #lastLine = Date.now();
  #lastWidth = 0;

  /** @param {string} label @param {NodeJS.WriteStream} [stream] */
  constructor(label, stream = process.stderr) {
    this.#label = label;
    this.#stream = stream;
  }

  /** Feeds one line of the build tool's output. @param {string} line */
  line(line) {
    const share = shareDone(line);
    if (share !== undefined) this.update(share);
  }

  /** @param {number} share 0 to 1 */
  update(share) {
    const percent = Math.floor(Math.min(1, share) * 100);
    if (this.#stream.isTTY) {
      const filled = Math.round(share * 24);
      this.#rewrite(
        `${this.#label} [${'#'.repeat(filled)}${'.'.repeat(24 - filled)}] ${percent} % ${seconds(Date.now() - this.#started)}`,
      );
      return;
    }
    const step = Math.floor(percent / 10);
    if (step > this.#lastStep && step < 10 && Date.now() - this.#lastLine > 1500) {
      this.#stream.write(`${this.#label}: ${percent} % (${seconds(Date.now() - this.#started)})\n`);
      this.#lastStep = step;
      this.#lastLine = Date.now();
    }
  }

  /** @param {string} [outcome] */
  done(outcome = 'done') {
    const text = `${this.#label}: ${outcome} (${seconds(Date.now() - this.#started)})`;
    if (this.#stream.isTTY) this.#rewrite(text);
    this.#stream.write(this.#stream.isTTY ? '\n' : `${text}\n`);
  }

  /** @param {string} text */
  #rewrite(text) {
    const fitting = text.slice(0, Math.max(20, (this.#stream.columns ?? 80) - 1));
    this.#stream.write(`\r${fitting.padEnd(this.#lastWidth)}`);
    this.#lastWidth = fitting.length;
  }
}

/** One line about what happens now. @param {string} text */
export function say(text) {
  process.stderr.write(`${text}\n`);
}
