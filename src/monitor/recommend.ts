/** What to change, from what was measured. */
import type { MetricName } from './metrics.js';
import type { Resources } from './resources.js';
import type { WindowStats } from './window.js';

export interface Recommendation {
  /** What was measured. */
  cause: string;
  /** The setting to change. */
  setting: string;
  /** What to do with it. */
  advice: string;
}

export type AllStats = Partial<Record<MetricName, WindowStats>>;

const ms = (seconds: number): string => `${(seconds * 1000).toFixed(0)} ms`;

export function recommend(stats: AllStats, resources: Resources | undefined): Recommendation[] {
  return [...aboutTime(stats), ...aboutPassages(stats), ...aboutMachine(stats, resources)];
}

/**
 * From 2 s on average the part that takes most of it is named. The guide advises a cache and a GPU at 3 s, other chunks at 2 s,
 * whatever is slow; a cache is advised here only where one would help.
 */
function aboutTime(stats: AllStats): Recommendation[] {
  const total = stats.query_response_time;
  if (!total || total.avg <= 2) return [];
  const found: Recommendation[] = [];
  const parts = [
    {
      name: 'the language model',
      avg: stats.llm_time?.avg ?? 0,
      setting: 'llm',
      advice: 'take a faster model, let it answer shorter, or stream',
    },
    {
      name: 'search',
      avg: stats.retrieval_time?.avg ?? 0,
      setting: 'efSearch / nprobe',
      advice: 'search less of the index, or take smaller chunks',
    },
    {
      name: 'embedding',
      avg: stats.embedding_time?.avg ?? 0,
      setting: 'model / device',
      advice: 'take a smaller model, or a GPU (device: cuda)',
    },
  ];
  const slowest = parts.reduce((a, b) => (b.avg > a.avg ? b : a));
  if (slowest.avg > 0) {
    const share = Math.min(100, (100 * slowest.avg) / total.avg).toFixed(0);
    const cause = `answers take ${ms(total.avg)} on average, ${slowest.name} ${ms(slowest.avg)} of it (${share} %)`;
    found.push({ cause, setting: slowest.setting, advice: slowest.advice });
  } else {
    const cause = `answers take ${ms(total.avg)} on average, and no part of them was measured`;
    found.push({ cause, setting: 'chunkSize / overlap', advice: 'try smaller chunks with less overlap' });
  }
  if (total.avg > 3 && !stats.cache_hit) {
    const cause = `answers take ${ms(total.avg)} on average, and no cache is in use`;
    found.push({ cause, setting: 'cache', advice: 'switch the cache on; with several replicas, with Redis' });
  }
  return found;
}

function aboutPassages({ documents_retrieved: passages, cache_hit: hits }: AllStats): Recommendation[] {
  const found: Recommendation[] = [];
  if (passages && passages.avg > 10) {
    const cause = `answers are made of ${passages.avg.toFixed(1)} passages on average`;
    found.push({ cause, setting: 'k', advice: 'retrieve at most 10' });
  }
  if (hits && hits.count >= 100 && hits.avg < 0.05) {
    const cause = `only ${(100 * hits.avg).toFixed(1)} % of the last ${String(hits.count)} queries were in the cache`;
    found.push({
      cause,
      setting: 'cache.ttl',
      advice: 'keep answers longer, or write to the collection in fewer, larger batches',
    });
  }
  return found;
}

function aboutMachine(stats: AllStats, resources: Resources | undefined): Recommendation[] {
  const found: Recommendation[] = [];
  const memory = resources?.memory.pressure ?? 0;
  if (memory > 80) {
    const advice = 'take a smaller kind of index (quantised), open it with mmap, or give the process more memory';
    found.push({ cause: `memory is ${memory.toFixed(0)} % full`, setting: 'type / mmap', advice });
  }
  const cpu = resources?.cpu.system ?? 0;
  if (cpu > 70) {
    found.push({
      cause: `the cores are ${cpu.toFixed(0)} % busy`,
      setting: 'replicas',
      advice: 'add a replica or cores',
    });
  }
  const disk = resources?.disk.percent ?? 0;
  if (disk > 80) {
    const advice = 'compact the collection, bound the embedding cache, or take a larger disk';
    found.push({ cause: `the disk is ${disk.toFixed(0)} % full`, setting: 'cache.maxBytes', advice });
  }
  const delay = stats.event_loop_delay?.median ?? 0;
  if (delay > 0.1) {
    const advice = 'move work off the event loop, or give searches fewer threads than there are cores';
    found.push({ cause: `the event loop is late by ${ms(delay)} each second`, setting: 'threads', advice });
  }
  return found;
}
