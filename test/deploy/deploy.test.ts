import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Collection } from '../../src/collection/collection.js';
import { suiteFolder } from '../lib/support.js';
import { start } from '../server/support.js';
import { repositoryRoot } from '../support/run.js';
import { Opened } from '../support/service.js';

/** Names of ours in an expression of Prometheus. */
function namesIn(text: string): string[] {
  return Array.from(text.matchAll(/\bquiver_[a-z_]+/g), ([name]) => name);
}

const read = (file: string): string => readFileSync(join(repositoryRoot, 'deploy', file), 'utf8');

describe('deploy', function () {
  this.timeout(60_000);
  const folder = suiteFolder();
  const opened = new Opened();
  let exposed: Set<string>;
  before(async () => {
    const collection: Collection = await opened.collection(folder('c'));
    const { url } = await start(opened, collection);
    exposed = new Set(namesIn(await (await fetch(`${url}/metrics`)).text()));
  });
  after(() => opened.close());

  it('the alert rules ask for measurements that there are, and say what to do', () => {
    const { groups } = parse(read('alerts.yml')) as {
      groups: { rules: { alert: string; expr: string; annotations: { summary: string; action: string } }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    assert.equal(rules.length, 7);
    for (const { alert, expr, annotations } of rules) {
      for (const name of namesIn(expr)) assert.ok(exposed.has(name), `${alert}: ${name}`);
      assert.ok(annotations.summary !== '' && annotations.action !== '', alert);
    }
  });

  it('the dashboard asks for measurements that there are, and no two of its panels lie on each other', () => {
    const { panels } = JSON.parse(read('grafana.json')) as {
      panels: { title: string; targets: { expr: string }[]; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    for (const { title, targets } of panels) {
      for (const { expr } of targets)
        for (const name of namesIn(expr)) assert.ok(exposed.has(name), `${title}: ${name}`);
    }
    const places = panels.map(({ gridPos }) => gridPos);
    for (const [at, a] of places.entries()) {
      assert.ok(a.x + a.w <= 24);
      for (const b of places.slice(at + 1)) {
        assert.ok(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y);
      }
    }
  });
});
