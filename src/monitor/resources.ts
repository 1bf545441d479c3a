/** What this process and its machine use, within the limits of the container and of the process. */
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';

export interface MemoryUse {
  /** Bytes in memory. */
  rss: number;
  /** Bytes of address space; undefined where the system does not say. */
  vms: number | undefined;
  /** Bytes that this process may have: of the container, or of the machine. */
  limit: number;
  /** rss, in percent of the limit. */
  percent: number;
  /** Whatever is closest to its limit, in percent: this process, all of the container, or the address space. */
  pressure: number;
}

export interface Resources {
  memory: MemoryUse;
  /** Percent of the cores, since the last look: of this process, and of the whole machine. */
  cpu: { process: number; system: number };
  /** Percent of the file system that holds `path` in use; undefined where it cannot be asked. */
  disk: { path: string; percent: number | undefined };
}

function fileOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The limit of the container where it has one. Without one the system reports 0 or more than the machine has. */
function memoryLimit(): number {
  const container = process.constrainedMemory();
  return container > 0 && container < totalmem() ? container : totalmem();
}

export function memoryUse(): MemoryUse {
  const rss = process.memoryUsage.rss();
  const limit = memoryLimit();
  const vmSize = /^VmSize:\s+(\d+) kB/m.exec(fileOrEmpty('/proc/self/status'))?.[1];
  const vms = vmSize === undefined ? undefined : Number(vmSize) * 1024;
  const space = /^Max address space\s+(\d+)/m.exec(fileOrEmpty('/proc/self/limits'))?.[1];
  const taken = [rss / limit, 1 - process.availableMemory() / limit];
  if (vms !== undefined && space !== undefined) taken.push(vms / Number(space));
  const percent = (100 * rss) / limit;
  return { rss, vms, limit, percent, pressure: Math.min(100, 100 * Math.max(...taken)) };
}

interface Moment {
  time: number;
  process: number;
  idle: number;
  all: number;
}

function moment(): Moment {
  const own = process.cpuUsage();
  let [idle, all] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { time: performance.now(), process: (own.user + own.system) / 1000, idle, all };
}

/** CPU use is a difference of two looks, so that whoever asks keeps the last one. */
export class ResourceMeter {
  readonly #path: string;
  #last = moment();
  #cpu = { process: 0, system: 0 };

  constructor(path: string) {
    this.#path = path;
  }

  async measure(): Promise<Resources> {
    return { memory: memoryUse(), cpu: this.#cpuUse(), disk: { path: this.#path, percent: await this.#diskUse() } };
  }

  #cpuUse(): Resources['cpu'] {
    const now = moment();
    const elapsed = now.time - this.#last.time;
    // The kernel counts in steps of 10 ms: a shorter span would say 0 or 100 by chance.
    if (elapsed < 100) return this.#cpu;
    const all = now.all - this.#last.all;
    this.#cpu = {
      process: (100 * (now.process - this.#last.process)) / elapsed / availableParallelism(),
      system: all <= 0 ? 0 : 100 * (1 - (now.idle - this.#last.idle) / all),
    };
    this.#last = now;
    return this.#cpu;
  }

  async #diskUse(): Promise<number | undefined> {
    try {
      const { blocks, bfree, bavail } = await statfs(this.#path);
      const used = blocks - bfree;
      // As `df` counts: what is kept for root is neither used nor to be had.
      return used + bavail === 0 ? undefined : (100 * used) / (used + bavail);
    } catch {
      return undefined;
    }
  }
}
