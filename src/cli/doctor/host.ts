import { cpu as cpuInfo } from '../../../lib/cpu.js';
import { bytes, plural } from '../format.js';
import { machine } from '../machine.js';
import type { Check } from './check.js';

const OLDEST_NODE: readonly [number, number] = [20, 19];

/** Node, platform, CPU, memory, and what a container leaves of them. */
export function hostChecks(): Check[] {
  return [nodeCheck(), platformCheck(), cpuCheck(), memoryCheck()];
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return {
    section: 'this machine',
    name: 'Node',
    state: enough ? 'ok' : 'bad',
    found: `${process.versions.node} (Node-API ${process.versions.napi ?? 'unknown'})`,
    ...(!enough && { fix: `expected ${OLDEST_NODE.join('.')} or newer: install a current Node` }),
    detail: { version: process.versions.node, napi: Number(process.versions.napi) },
  };
}

function platformCheck(): Check {
  const { platform, arch } = process;
  const { kernel } = machine();
  const supported = platform === 'linux' && arch === 'x64';
  return {
    section: 'this machine',
    name: 'platform',
    state: supported ? 'ok' : 'bad',
    found: `${platform}-${arch}, kernel ${kernel}`,
    ...(!supported && { fix: 'expected linux-x64: other platforms have no build yet' }),
    detail: { platform, arch, kernel },
  };
}

function cpuCheck(): Check {
  const { cpu, cores, cpuLimit } = machine();
  const { level } = cpuInfo();
  const slow = level === 'v1';
  const limit = cpuLimit === undefined ? '' : `, the container grants ${cpuLimit}`;
  return {
    section: 'this machine',
    name: 'CPU',
    state: slow ? 'warn' : 'ok',
    found: `${cpu}, x86-64-${level}, ${plural(cores, 'core')}${limit}`,
    ...(slow && {
      fix: 'the addon needs x86-64-v2 (SSE4.2, POPCNT): use a newer CPU, or let the virtual machine show them',
    }),
    detail: { model: cpu, level, cores, containerCpus: cpuLimit ?? null },
  };
}

function memoryCheck(): Check {
  const { memory, memoryLimit } = machine();
  const limit = memoryLimit === undefined ? '' : `, the container grants ${bytes(memoryLimit)}`;
  return {
    section: 'this machine',
    name: 'memory',
    state: 'ok',
    found: `${bytes(memory)}${limit}`,
    detail: { bytes: memory, containerBytes: memoryLimit ?? null },
  };
}
