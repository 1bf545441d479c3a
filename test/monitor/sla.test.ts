import { strict as assert } from 'node:assert';
import { slaTable, type SlaInput, type SlaName, type SlaState } from '../../src/monitor/sla.js';

const CALM: SlaInput = {
  responseTime: undefined,
  errors: undefined,
  room: 1000,
  availablePercent: 100,
  resources: {
    memory: { rss: 1, vms: 1, limit: 1, percent: 1, pressure: 1 },
    cpu: { process: 1, system: 1 },
    disk: { path: '.', percent: 1 },
  },
  busySeconds: 0,
};
const stateOf = (name: SlaName, input: Partial<SlaInput>, before?: SlaState): SlaState | undefined =>
  slaTable({ ...CALM, ...input }, new Map(before === undefined ? [] : [[name, before]])).find(
    (row) => row.name === name,
  )?.state;
const busy = (system: number) => ({ ...CALM.resources!, cpu: { process: 1, system } });

describe('service levels', () => {
  it('alert of cores only when they stay busy, and until they are at ease', () => {
    const states = (system: number, busySeconds: number, before?: SlaState) =>
      stateOf('cpu', { resources: busy(system), busySeconds }, before);
    assert.equal(states(99, 0), 'burning');
    assert.equal(states(99, 59), 'burning');
    assert.equal(states(99, 60), 'alert');
    assert.equal(states(80, 0, 'alert'), 'alert');
    assert.equal(states(70, 0, 'alert'), 'alert');
    assert.equal(states(69, 0, 'alert'), 'ok');
    assert.equal(states(80, 0, 'ok'), 'burning');
  });

  it('alert of memory and disk at once', () => {
    const { memory, disk } = CALM.resources!;
    const full = { ...CALM.resources!, memory: { ...memory, pressure: 91 }, disk: { ...disk, percent: 91 } };
    assert.equal(stateOf('memory', { resources: full }), 'alert');
    assert.equal(stateOf('disk', { resources: full }), 'alert');
  });

  it('hold an alert of availability until its target is reached', () => {
    assert.equal(stateOf('availability', { availablePercent: 99.4 }), 'alert');
    assert.equal(stateOf('availability', { availablePercent: 99.8 }), 'burning');
    assert.equal(stateOf('availability', { availablePercent: 99.8 }, 'alert'), 'alert');
    assert.equal(stateOf('availability', { availablePercent: 99.9 }, 'alert'), 'ok');
  });

  it('are unknown where nothing was measured, also after an alert', () => {
    assert.equal(stateOf('query_response_time', {}, 'alert'), 'unknown');
    assert.equal(stateOf('memory', { resources: undefined }), 'unknown');
  });
});
