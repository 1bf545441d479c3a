import { access, readFile } from 'node:fs/promises';
import { cpu as cpuInfo } from '../../../lib/cpu.js';
import { variable } from '../environment.js';
import { loadLibrary } from '../library.js';
import { machine } from '../machine.js';
import type { Check } from './check.js';
import { firstLine } from './tools.js';

type Library = Awaited<ReturnType<typeof loadLibrary>>;
type System = ReturnType<Library['system']>;

const SECTION = 'vector search';
/** The OpenBLAS kernels that use AVX-512. */
const AVX512_KERNELS = /^(skylakex|cooperlake|sapphirerapids)$/i;

/** The addon and what is in it; what cannot be known without the addon is left out. */
export async function searchChecks(): Promise<Check[]> {
  let library: Library;
  let system: System;
  try {
    library = await loadLibrary();
    system = library.system();
  } catch (error) {
    return [addonFailed(error), await gpuCheck(undefined)];
  }
  return [
    {
      section: SECTION,
      name: 'addon',
      state: 'ok',
      found: `${system.addon} (quiver ${system.version})`,
      detail: { path: system.addon, version: system.version, napi: system.napi },
    },
    simdCheck(system),
    {
      section: SECTION,
      name: 'FAISS',
      state: 'ok',
      found: `${system.faiss} (${system.faissOptions.trim()})`,
      detail: { version: system.faiss, options: system.faissOptions },
    },
    blasCheck(system),
    threadsCheck(system),
    await gpuCheck(system),
    await trialCheck(library),
  ];
}

function addonFailed(error: unknown): Check {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : null;
  return {
    section: SECTION,
    name: 'addon',
    state: 'bad',
    found: `it cannot be loaded: ${message}`,
    fix: 'in a checkout: npm run build. In a project: npm install faiss-quiver again, on linux-x64 with glibc',
    detail: { code, message },
  };
}

function simdCheck({ simd, cpu }: System): Check {
  const slower = simd < cpu;
  return {
    section: SECTION,
    name: 'SIMD build',
    state: slower ? 'warn' : 'ok',
    found: `x86-64-${simd}${slower ? `, while the CPU has ${cpu}` : ''}`,
    ...(slower && {
      fix:
        variable('QUIVER_SIMD') !== undefined
          ? 'QUIVER_SIMD asks for it: unset it'
          : `in a checkout: npm run build -- --simd ${cpu}`,
    }),
    detail: { build: simd, cpu },
  };
}

function blasCheck({ blas, blasKernel }: System): Check {
  // Another BLAS does not say what it runs.
  const slow = cpuInfo().level === 'v4' && blasKernel !== 'unknown' && !AVX512_KERNELS.test(blasKernel);
  return {
    section: SECTION,
    name: 'BLAS',
    state: slow ? 'warn' : 'ok',
    found: `${blas.trim()}, kernel ${blasKernel}${slow ? ', which leaves AVX-512 unused' : ''}`,
    ...(slow && {
      fix: 'set OPENBLAS_CORETYPE=SkylakeX before node starts: exact search becomes about 1.8 times as fast',
    }),
    detail: { config: blas, kernel: blasKernel },
  };
}

function threadsCheck({ threads }: System): Check {
  const { cores, cpuLimit } = machine();
  const granted = Math.min(cores, cpuLimit === undefined ? cores : Math.max(1, Math.ceil(cpuLimit)));
  const tooMany = threads > granted;
  return {
    section: SECTION,
    name: 'threads',
    state: tooMany ? 'warn' : 'ok',
    found: `${threads}${tooMany ? `, while ${granted} CPUs are granted` : ''}`,
    ...(tooMany && { fix: `call configure({ threads: ${granted} }), or pass --threads ${granted}` }),
    detail: { threads, granted },
  };
}

async function gpuCheck(system: System | undefined): Promise<Check> {
  const device = await gpuDevice();
  const gpus = system?.gpus ?? { built: false, count: 0, reason: 'the addon cannot be loaded' };
  const { built, count, reason = '' } = gpus;
  const able = `${count} ${count === 1 ? 'device' : 'devices'} for index.toGpu()`;
  return {
    section: SECTION,
    name: 'GPU',
    // Everything else works without one: not a fault of the machine.
    state: 'ok',
    found: `${device ?? 'none'}; ${count > 0 ? able : `index.toGpu() is E_NO_GPU: ${reason}`}`,
    detail: { device: device ?? null, built, devices: count, ...(count === 0 && { reason }) },
  };
}

/** The first GPU, by what its driver says. */
export async function gpuDevice(): Promise<string | undefined> {
  const listed = await firstLine('nvidia-smi', ['--list-gpus']);
  if (listed !== undefined && /^GPU \d/.test(listed)) return listed.replace(/\s*\(UUID.*$/, '');
  try {
    await access('/proc/driver/nvidia/gpus');
    const driver = await readFile('/proc/driver/nvidia/version', 'utf8');
    return `an NVIDIA device (${driver.split('\n')[0]?.trim() ?? 'unknown driver'})`;
  } catch {
    return undefined;
  }
}

/** The whole way once: create, add, search. */
async function trialCheck({ Index }: Library): Promise<Check> {
  const base: Pick<Check, 'section' | 'name'> = { section: SECTION, name: 'trial search' };
  try {
    const index = await Index.create({ dim: 2, type: 'flat' });
    await index.add([
      [0, 0],
      [3, 4],
    ]);
    const [hit] = (await index.search([3, 3], 1)).row(0);
    await index.close();
    if (hit?.id === 1 && hit.distance === 1) return { ...base, state: 'ok', found: 'works' };
    return { ...base, state: 'bad', found: `expected id 1 at distance 1, found ${JSON.stringify(hit)}`, fix: REPORT };
  } catch (error) {
    return { ...base, state: 'bad', found: error instanceof Error ? error.message : String(error), fix: REPORT };
  }
}

const REPORT = 'this is a bug in quiver: please report it with this whole output';
