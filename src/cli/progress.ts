import type { SingleBar } from 'cli-progress';
import { count, seconds } from './format.js';
import type { Output } from './output.js';

/** Shorter work than this needs no bar. */
const PATIENCE_MS = 1000;
const BAR_WIDTH = 28;

export type Update = (done: number, total?: number) => void;

interface Work {
  label: string;
  /** What is counted, such as `vectors`; `bytes` are shown as MB. */
  unit: string;
  /** Known ahead; `update` may correct it. */
  total?: number | undefined;
}

/** Runs some work; shows a bar on a terminal when it takes over a second, and one line when it is done. */
export async function withProgress<T>(output: Output, work: Work, run: (update: Update) => Promise<T>): Promise<T> {
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  let [done, total] = [0, work.total ?? 0];
  let bar: SingleBar | undefined;
  const show = async (): Promise<void> => {
    bar ??= await createBar();
    if (finished) return;
    bar.start(total, done, { work, elapsed });
  };
  let finished = false;
  const timer = output.interactive ? setTimeout(() => void show(), PATIENCE_MS) : undefined;
  try {
    const value = await run((now, of) => {
      done = now;
      total = of ?? total;
      if (bar?.isActive !== true) return;
      bar.setTotal(total);
      bar.update(done);
    });
    finished = true;
    bar?.stop();
    if (elapsed() * 1000 >= PATIENCE_MS) output.note(summary(work, done, elapsed()));
    return value;
  } finally {
    finished = true;
    clearTimeout(timer);
    bar?.stop();
  }
}

async function createBar(): Promise<SingleBar> {
  const { default: progress } = await import('cli-progress');
  return new progress.SingleBar({
    format: (_options, { value, total }, payload) => line(payload as Payload, value, total),
    clearOnComplete: true,
    hideCursor: false,
    // The command itself ends cleanly on Ctrl-C.
    gracefulExit: false,
    fps: 10,
    stream: process.stderr,
  });
}

interface Payload {
  work: Work;
  elapsed: () => number;
}

function line({ work, elapsed }: Payload, done: number, total: number): string {
  const spent = elapsed();
  if (total <= 0) return `${work.label}  ${done > 0 ? `${amount(done, work.unit)}, ` : ''}${seconds(spent)}`;
  const part = Math.min(1, done / total);
  const filled = Math.round(part * BAR_WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
  const left = part > 0.01 ? `, ${seconds(spent / part - spent)} left` : '';
  const percent = `${Math.floor(part * 100)} %`.padStart(5);
  return `${work.label}  ${bar} ${percent}  ${share(done, total, work.unit)}${left}`;
}

function summary(work: Work, done: number, spent: number): string {
  const what = done > 0 ? `${amount(done, work.unit)} in ` : '';
  return `${work.label}  ${what}${seconds(spent)}`;
}

function share(done: number, total: number, unit: string): string {
  return `${unit === 'bytes' ? (done / 1e6).toFixed(1) : count(done)} of ${amount(total, unit)}`;
}

function amount(value: number, unit: string): string {
  return unit === 'bytes' ? `${(value / 1e6).toFixed(1)} MB` : `${count(value)} ${unit}`;
}
