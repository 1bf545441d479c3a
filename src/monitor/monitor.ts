import { monitorEventLoopDelay, PerformanceObserver, type IntervalHistogram } from 'node:perf_hooks';
import { checkInteger, wrongArgument } from '../../lib/errors.js';
import { health, type Health } from './health.js';
import { METRIC_NAMES, type MetricName } from './metrics.js';
import { recommend, type AllStats, type Recommendation } from './recommend.js';
import { ResourceMeter, type Resources } from './resources.js';
import { isBusy, slaTable, type SlaName, type SlaRow, type SlaState } from './sla.js';
import { Window, type WindowStats } from './window.js';

export interface MonitorOptions {
  /** Samples kept of each metric. Default: 1,000. */
  window?: number;
  /** A path on the disk to watch. Default: the current folder. */
  disk?: string;
}

export interface Report {
  timestamp: string;
  /** Seconds since the monitor was made. */
  uptime: number;
  metrics: AllStats;
  resources: Resources;
  health: Health;
  sla: SlaRow[];
  recommendations: Recommendation[];
}

/** A service level that went into an alert, or out of it. */
export interface AlertEvent {
  name: SlaName;
  from: SlaState;
  to: SlaState;
  row: SlaRow;
}

export type SampleListener = (metric: MetricName, value: number) => void;
export type AlertListener = (event: AlertEvent) => void;

const EVENT_LOOP_RESOLUTION = 10;

/** Remembers the last samples of every metric and says how the service does. */
export class Monitor {
  readonly #windows: Record<MetricName, Window>;
  /** 1 for each query that failed, 0 for one that did not: of the two windows apart, no rate can be had once they are full. */
  readonly #failures: Window;
  readonly #meter: ResourceMeter;
  readonly #samples = new Set<SampleListener>();
  readonly #alerts = new Set<AlertListener>();
  readonly #states = new Map<SlaName, SlaState>();
  readonly #born = performance.now();
  #busySince: number | undefined;
  #down = 0;
  #downSince: number | undefined;
  #stop: (() => void) | undefined;

  constructor(options: MonitorOptions = {}) {
    const size = checkInteger('window', options.window ?? 1000, 1, 1_000_000);
    this.#windows = Object.fromEntries(METRIC_NAMES.map((name) => [name, new Window(size)])) as Record<
      MetricName,
      Window
    >;
    this.#failures = new Window(size);
    this.#meter = new ResourceMeter(options.disk ?? '.');
  }

  record(metric: MetricName, value: number): void {
    const window = this.#windows[metric] as Window | undefined;
    if (window === undefined) throw wrongArgument('metric', `one of ${METRIC_NAMES.join(', ')}`, metric);
    if (!Number.isFinite(value)) throw wrongArgument(metric, 'a finite number', value);
    window.record(value);
    if (metric === 'query_success') this.#failures.record(0);
    else if (metric === 'query_errors') this.#failures.record(1);
    for (const listener of this.#samples) listener(metric, value);
  }

  /** Runs `work` and records its seconds, also when it fails. */
  async time<T>(metric: MetricName, work: () => Promise<T> | T): Promise<T> {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      this.record(metric, (performance.now() - begin) / 1000);
    }
  }

  /** Says whether the service can answer at all: availability is the share of the time it could. */
  available(value: boolean): void {
    const now = performance.now();
    if (value && this.#downSince !== undefined) this.#down += now - this.#downSince;
    this.#downSince = value ? undefined : (this.#downSince ?? now);
  }

  stats(metric: MetricName): WindowStats | undefined {
    return this.#windows[metric].stats();
  }

  /** Every sample from now on, as it comes. Returns what ends it. */
  onSample(listener: SampleListener): () => void {
    this.#samples.add(listener);
    return () => this.#samples.delete(listener);
  }

  /** Service levels that begin or cease to be in alert, as `report` and `start` find them. Returns what ends it. */
  onAlert(listener: AlertListener): () => void {
    this.#alerts.add(listener);
    return () => this.#alerts.delete(listener);
  }

  /** Watches event loop and garbage collections, and looks for alerts every `seconds`. Does not keep the process alive. */
  start(seconds = 5): void {
    if (this.#stop) return;
    const delay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION });
    delay.enable();
    const collections = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.record('gc_time', duration / 1000);
    });
    collections.observe({ entryTypes: ['gc'] });
    const second = setInterval(() => this.#recordDelay(delay), 1000).unref();
    const alerts = setInterval(() => void this.report(), seconds * 1000).unref();
    this.#stop = () => {
      clearInterval(second);
      clearInterval(alerts);
      collections.disconnect();
      delay.disable();
    };
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  async report(): Promise<Report> {
    const resources = await this.#meter.measure();
    const metrics: AllStats = {};
    for (const name of METRIC_NAMES) {
      const stats = this.stats(name);
      if (stats) metrics[name] = stats;
    }
    const { query_response_time: responseTime, event_loop_delay: eventLoopDelay } = metrics;
    const errorRate = this.#failures.stats()?.avg;
    const shareOver2s = this.#windows.query_response_time.shareAbove(2);
    const sla = slaTable(
      {
        responseTime: responseTime && { p95: responseTime.p95, shareOver2s, queries: responseTime.count },
        errors: errorRate === undefined ? undefined : { percent: 100 * errorRate, queries: this.#failures.count },
        room: this.#failures.size,
        availablePercent: this.#availablePercent(),
        resources,
        busySeconds: this.#busySeconds(resources),
      },
      this.#states,
    );
    this.#tell(sla);
    return {
      timestamp: new Date().toISOString(),
      uptime: (performance.now() - this.#born) / 1000,
      metrics,
      resources,
      health: health({ responseTime, eventLoopDelay, errorRate, resources }),
      sla,
      recommendations: recommend(metrics, resources),
    };
  }

  #busySeconds(resources: Resources): number {
    const now = performance.now();
    this.#busySince = isBusy(resources) ? (this.#busySince ?? now) : undefined;
    return this.#busySince === undefined ? 0 : (now - this.#busySince) / 1000;
  }

  #availablePercent(): number {
    const now = performance.now();
    const down = this.#down + (this.#downSince === undefined ? 0 : now - this.#downSince);
    return 100 * (1 - Math.min(1, down / Math.max(1, now - this.#born)));
  }

  #recordDelay(delay: IntervalHistogram): void {
    // The histogram counts the pause that it makes itself.
    if (delay.count > 0) this.record('event_loop_delay', Math.max(0, delay.max / 1e9 - EVENT_LOOP_RESOLUTION / 1000));
    delay.reset();
  }

  #tell(rows: readonly SlaRow[]): void {
    for (const row of rows) {
      const from = this.#states.get(row.name) ?? 'unknown';
      this.#states.set(row.name, row.state);
      if (from === row.state || (from !== 'alert' && row.state !== 'alert')) continue;
      for (const listener of this.#alerts) listener({ name: row.name, from, to: row.state, row });
    }
  }
}
