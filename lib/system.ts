/** What this installation is made of, and the settings of the whole process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { cpu, type CpuLevel, type SimdLevel } from './cpu.js';
import { checkInteger, checkObject, fromNative } from './errors.js';
import { addon, addonPath, packageRoot } from './loader.js';

export interface SystemInfo {
  /** Of faiss-quiver. */
  version: string;
  /** Of FAISS. */
  faiss: string;
  /** What FAISS was compiled with. */
  faissOptions: string;
  /** The level that the loaded addon was built for. */
  simd: SimdLevel;
  /** The level that this CPU has. */
  cpu: CpuLevel;
  /** How OpenBLAS was built. */
  blas: string;
  /** The kernel that OpenBLAS chose for this CPU. */
  blasKernel: string;
  threads: number;
  /** Whether `index.toGpu()` can work here. */
  gpu: boolean;
  gpus: {
    /** Whether the addon has GPU code. */
    built: boolean;
    /** Devices that the driver shows. */
    count: number;
    /** What is missing, and what to do; where count is 0. */
    reason?: string;
  };
  napi: number;
  /** The file that the addon was loaded from. */
  addon: string;
  /** Bytes that this process can still have. */
  availableMemory: number;
}

export function system(): SystemInfo {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  const info = addon().system();
  const gpu = info.gpus.count > 0;
  return { version, ...info, gpu, simd: info.simd as SimdLevel, cpu: cpu().level, napi: 8, addon: addonPath() };
}

/**
 * Sets how many threads the library may use for searches, and for one long call. Default: the number of cores, or
 * the environment variable QUIVER_THREADS. Call it before the first index: later it throws E_ARGUMENT.
 */
export function configure(options: { threads?: number }): { threads: number } {
  checkObject('options', options);
  const module = addon();
  if (options.threads !== undefined) {
    const threads = checkInteger('threads', options.threads, 1, 1024);
    try {
      module.setThreads(threads);
    } catch (error) {
      throw fromNative(error);
    }
  }
  return { threads: module.system().threads };
}
