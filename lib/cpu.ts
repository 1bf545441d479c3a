/** Which x86-64 microarchitecture level this CPU has (x86-64 psABI, section 3.1.1). */
import { readFileSync } from 'node:fs';

export type SimdLevel = 'v2' | 'v3' | 'v4';
export type CpuLevel = 'v1' | SimdLevel;

const NEEDS: [CpuLevel, string[]][] = [
  ['v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']],
  ['v3', ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave']],
  ['v2', ['cx16', 'lahf_lm', 'popcnt', 'pni', 'sse4_1', 'sse4_2', 'ssse3']],
];

export interface Cpu {
  level: CpuLevel;
  vendor: string;
  model: string;
}

/** Reads a text like /proc/cpuinfo. */
export function parseCpu(info: string): Cpu {
  const field = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(info)?.[1] ?? '';
  const flags = new Set(field('flags').split(' '));
  const has = (names: string[]): boolean => names.every((name) => flags.has(name));
  let level: CpuLevel = 'v1';
  // Each level includes those below it.
  for (const [name, needs] of [...NEEDS].reverse()) {
    if (!has(needs)) break;
    level = name;
  }
  return { level, vendor: field('vendor_id'), model: field('model name') };
}

let known: Cpu | undefined;

export function cpu(): Cpu {
  if (known === undefined) {
    let info = '';
    try {
      info = readFileSync('/proc/cpuinfo', 'utf8');
    } catch {
      // Not Linux, or no /proc: level v1, and the loader says what is missing.
    }
    known = parseCpu(info);
  }
  return known;
}
