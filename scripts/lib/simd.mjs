/** The x86-64 microarchitecture levels we build for, and the one this CPU runs. */
import { readFileSync } from 'node:fs';
import { SupplyError } from './errors.mjs';

/** @typedef {'v2' | 'v3' | 'v4'} Level */

/** @type {readonly Level[]} */
export const LEVELS = ['v2', 'v3', 'v4'];

/** CPU flags, as Linux names them, that a level needs beyond the one before. */
const NEEDS = {
  v2: ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3'],
  v3: ['abm', 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe'],
  v4: ['avx512bw', 'avx512cd', 'avx512dq', 'avx512f', 'avx512vl'],
};

/** FAISS's own names for its builds. @type {Record<Level, { option: string, target: string }>} */
export const FAISS_BUILDS = {
  v2: { option: 'generic', target: 'faiss' },
  v3: { option: 'avx2', target: 'faiss_avx2' },
  v4: { option: 'avx512', target: 'faiss_avx512' },
};

/**
 * @param {string} [cpuinfo] the text of /proc/cpuinfo
 * @returns {Level | undefined} the highest level all of whose flags are there
 */
export function hostLevel(cpuinfo = readFileSync('/proc/cpuinfo', 'utf8')) {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(/\s+/));
  /** @type {Level | undefined} */
  let level;
  for (const next of LEVELS) {
    if (!NEEDS[next].every((flag) => flags.has(flag))) break;
    level = next;
  }
  return level;
}

/**
 * @param {string} wanted `host`, `all` or a level
 * @returns {readonly Level[]}
 */
export function levelsFor(wanted) {
  if (wanted === 'all') return LEVELS;
  if (wanted === 'host') {
    const level = hostLevel();
    if (!level) {
      throw new SupplyError(
        'expected a CPU with x86-64-v2 (SSE4.2, POPCNT) or better, found an older one. Build for another machine with --simd v2.',
      );
    }
    return [level];
  }
  const level = LEVELS.find((name) => name === wanted);
  if (!level) throw new SupplyError(`--simd: expected host, all, ${LEVELS.join(', ')}, found '${wanted}'.`);
  return [level];
}

/** Only this platform is built so far. */
export function requirePlatform() {
  const found = `${process.platform}-${process.arch}`;
  if (found !== 'linux-x64')
    throw new SupplyError(`expected linux-x64, found ${found}: the native build supports no other platform yet.`);
}
