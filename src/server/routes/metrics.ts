/** What is measured, as Prometheus reads it. */
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricName } from '../../monitor/metrics.js';
import type { ApiSettings } from '../options.js';

/** Seconds: from what an answer from memory takes to what nobody waits for. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30];
const PASSAGES = [0, 1, 2, 3, 5, 8, 10, 15, 20, 50, 100];

type Observe = (value: number) => void;

/** Times and counts of passages are histograms; what counts events is a counter. */
function observers(registry: Registry): Record<MetricName, Observe> {
  const registers = [registry];
  const queries = new Counter({
    name: 'quiver_queries_total',
    help: 'Queries by outcome',
    labelNames: ['outcome'],
    registers,
  });
  const looks = new Counter({
    name: 'quiver_cache_lookups_total',
    help: 'Looks into the cache of answers',
    labelNames: ['result'],
    registers,
  });
  for (const outcome of ['success', 'error']) queries.inc({ outcome }, 0);
  for (const result of ['hit', 'miss']) looks.inc({ result }, 0);
  const special: Partial<Record<MetricName, Observe>> = {
    query_success: () => queries.inc({ outcome: 'success' }),
    query_errors: () => queries.inc({ outcome: 'error' }),
    cache_hit: (value) => looks.inc({ result: value > 0 ? 'hit' : 'miss' }),
  };
  return Object.fromEntries(
    Object.entries(METRICS).map(([name, { unit, help }]) => {
      const known = special[name as MetricName];
      if (known !== undefined) return [name, known];
      const suffix = unit === 'seconds' ? '_seconds' : '';
      const buckets = unit === 'seconds' ? SECONDS : PASSAGES;
      const histogram = new Histogram({ name: `quiver_${name}${suffix}`, help, buckets, registers });
      return [name, (value: number) => histogram.observe(value)];
    }),
  ) as Record<MetricName, Observe>;
}

/** Returns what sets them, to be called before they are written. */
function gauges(registry: Registry, { engine }: ApiSettings): () => Promise<void> {
  const registers = [registry];
  const make = (name: string, help: string): Gauge => new Gauge({ name: `quiver_${name}`, help, registers });
  const up = make('up', '1 while the service can be asked');
  const health = make('health_score', 'How well the service does, 0 to 100');
  const documents = make('documents', 'Documents of the collection');
  const chunks = make('chunks', 'Chunks of the collection');
  const index = make('index_bytes', 'Bytes of the vector index');
  const rss = make('memory_rss_bytes', 'Memory of the process');
  const pressure = make('memory_pressure_ratio', 'Memory in use of what there is, 0 to 1');
  const cpu = make('cpu_ratio', 'Cores of the machine in use, 0 to 1');
  const disk = make('disk_ratio', 'Disk in use, 0 to 1');
  const burn = new Gauge({
    name: 'quiver_sla_burn',
    help: 'What a service level allows, used up so many times',
    labelNames: ['level'],
    registers,
  });
  return async () => {
    const report = await engine.report();
    up.set(1);
    health.set(report.health.score);
    documents.set(report.collection.documents);
    chunks.set(report.collection.chunks);
    index.set(report.index.bytes);
    rss.set(report.resources.memory.rss);
    pressure.set(report.resources.memory.pressure / 100);
    cpu.set(report.resources.cpu.system / 100);
    if (report.resources.disk.percent !== undefined) disk.set(report.resources.disk.percent / 100);
    for (const { name, burn: value } of report.sla) if (value !== undefined) burn.set({ level: name }, value);
  };
}

export function metricsRoutes(app: FastifyInstance, settings: ApiSettings): void {
  const registry = new Registry();
  const measure = gauges(registry, settings);
  const observe = observers(registry);
  const end = settings.engine.monitor.onSample((metric, value) => {
    observe[metric](value);
  });
  app.addHook('onClose', (_instance, done) => {
    end();
    done();
  });
  app.get(
    '/metrics',
    { schema: { summary: 'Measurements for Prometheus', tags: ['operation'], produces: ['text/plain'] } },
    async (_request, reply) => {
      await measure();
      return reply.header('content-type', registry.contentType).send(await registry.metrics());
    },
  );
}
