import { readFileSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { cpu } from '../../lib/cpu.js';

export interface Machine {
  cpu: string;
  /** Logical CPUs that this process may use. */
  cores: number;
  /** CPUs that the container grants, where it limits them. */
  cpuLimit: number | undefined;
  memory: number;
  /** Bytes that the container grants, where it limits them. */
  memoryLimit: number | undefined;
  kernel: string;
}

export function machine(): Machine {
  return {
    cpu: cpuName(),
    cores: availableParallelism(),
    cpuLimit: cpuLimit(),
    memory: totalmem(),
    memoryLimit: memoryLimit(),
    kernel: release(),
  };
}

/** The model, without the marks and clock rates that vendors put into it. */
function cpuName(): string {
  const { model } = cpu();
  const short = (model === '' ? 'unknown CPU' : model).replace(/\((R|TM)\)|\bCPU\b|@.*$/gi, '').replace(/\s+/g, ' ');
  return short.trim();
}

const CGROUP = '/sys/fs/cgroup';

function cpuLimit(): number | undefined {
  const [quota, period] = (read(join(CGROUP, 'cpu.max')) ?? '').split(/\s+/).map(Number);
  if (quota !== undefined && period !== undefined && quota > 0 && period > 0) return quota / period;
  const v1 = Number(read(join(CGROUP, 'cpu/cpu.cfs_quota_us')) ?? -1);
  const v1Period = Number(read(join(CGROUP, 'cpu/cpu.cfs_period_us')) ?? 0);
  return v1 > 0 && v1Period > 0 ? v1 / v1Period : undefined;
}

function memoryLimit(): number | undefined {
  const limit = process.constrainedMemory();
  // Without a limit some kernels report none, some 0, some a number near 2^63.
  return limit !== undefined && limit > 0 && limit < totalmem() ? limit : undefined;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
