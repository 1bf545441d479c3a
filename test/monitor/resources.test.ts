import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { ResourceMeter, type MemoryUse } from '../../src/monitor/resources.js';

describe('resources', () => {
  it('are within their bounds', async () => {
    const { memory, cpu, disk } = await new ResourceMeter('.').measure();
    assert.ok(memory.rss > 0 && memory.rss < memory.limit);
    assert.ok((memory.vms ?? 0) > memory.rss);
    assert.ok(memory.percent > 0 && memory.percent <= memory.pressure && memory.pressure <= 100);
    for (const percent of [cpu.process, cpu.system, disk.percent ?? -1]) assert.ok(percent >= 0 && percent <= 100);
  });

  it('say so when a disk cannot be asked', async () => {
    assert.equal((await new ResourceMeter('/nowhere/at/all').measure()).disk.percent, undefined);
  });

  it('count a limit of the address space as pressure', () => {
    const module = new URL('../../src/monitor/resources.js', import.meta.url).href;
    const code = `const { memoryUse } = await import(${JSON.stringify(module)}); console.log(JSON.stringify(memoryUse()))`;
    const limit = 3 * 2 ** 30;
    const args = [`--as=${String(limit)}`, process.execPath, '--input-type=module', '-e', code];
    const { stdout, stderr } = spawnSync('prlimit', args, { encoding: 'utf8' });
    const inside = JSON.parse(stdout || JSON.stringify({ error: stderr })) as MemoryUse;
    assert.ok(inside.pressure >= (99 * (inside.vms ?? 0)) / limit, stdout);
    assert.ok(inside.pressure > 10, stdout);
  });
});
