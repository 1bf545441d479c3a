/** What a result was measured on, without a name of the host. */
import { system } from '../../lib/index.js';
import { machine } from '../../src/cli/machine.js';

export function describeMachine() {
  const { cpu, cores, cpuLimit, memory, memoryLimit, kernel } = machine();
  const { version, faiss, simd, blas, blasKernel, threads } = system();
  return {
    cpu,
    cores,
    ...(cpuLimit !== undefined && { cpuLimit }),
    memoryBytes: memoryLimit ?? memory,
    kernel: kernel.replace(/[^\d.].*$/, ''),
    node: process.version,
    quiver: version,
    faiss,
    simd,
    blas,
    blasKernel,
    threads,
  };
}
