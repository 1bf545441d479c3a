/** What monitoring costs: one record, the seven that a cached query makes, and a report over full windows. */
import { Monitor } from '../src/monitor/monitor.js';
import { atMost, type Benchmark, type Context, type Outcome } from './support/report.js';
import { timed, timedAsync } from './support/rounds.js';
import { spread } from './support/statistics.js';

/** A cached query takes 0.3 ms at most; monitoring may take 2 % of it. */
const GOAL_NS = 6000;
const RECORDS_A_QUERY = 7;

async function run({ quick, rounds }: Context): Promise<Outcome> {
  const monitor = new Monitor();
  const records = quick ? 100_000 : 1_000_000;
  const fill = (): void => {
    for (let i = 0; i < records; i++) monitor.record('query_response_time', i % 97);
  };
  fill();
  const recordNs = spread(Array.from({ length: rounds }, () => (timed(fill) / records) * 1e9));
  const reports: number[] = [];
  for (let i = 0; i < rounds; i++) reports.push((await timedAsync(() => monitor.report())) * 1e3);
  const reportMs = spread(reports);
  const row = (name: string, values: readonly number[], digits: number) => [
    name,
    ...values.map((value) => value.toFixed(digits)),
  ];
  return {
    setting: { records, window: 1000, rounds },
    head: ['what', 'median', 'best', 'worst'],
    rows: [
      row('record(), ns', [recordNs.median, recordNs.min, recordNs.max], 1),
      row('report(), ms', [reportMs.median, reportMs.min, reportMs.max], 2),
    ],
    goals: [atMost('records of one query', RECORDS_A_QUERY * recordNs.median, GOAL_NS, 'ns')],
    measured: { recordNs, reportMs },
    notes: ['The goal is 2 % of a cached query of 0.3 ms.'],
  };
}

export const benchmark: Benchmark = { title: 'Monitoring', run };
