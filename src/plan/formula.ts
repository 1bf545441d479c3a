/** Capacity by rules of thumb: those of the performance guide, with its slips put right. docs/plan.md lists each. */
import { checkNeed, type Need } from './need.js';
import { PRICES, type Cloud } from './prices.js';

export interface Capacity {
  storageGB: number;
  memoryGB: number;
  cores: number;
}

export interface MonthlyCost {
  compute: number;
  memory: number;
  storage: number;
  total: number;
}

export interface CapacityPlan extends Required<Need> {
  /** What the load takes, before anything is put on top. */
  need: Capacity;
  /** What to get: the need and its buffer, in whole units, at least 1 of each. */
  get: Capacity;
  /** A month of what to get. */
  cost: Record<Cloud, MonthlyCost>;
  prices: { currency: string; date: string; source: string };
}

/** The guide's figures: none of them was measured here. */
export const RULES = {
  documentsPerGB: 50_000,
  storageOverhead: 1.5,
  queriesPerCore: 10,
  modelMB: 800,
  /** Of the stored data, what is held in memory. */
  inMemory: 0.1,
  systemGB: 2,
  buffer: { storage: 1.2, memory: 1.3, cores: 1.5 },
} as const;

/** 20 * 1.5 * 1.2 is 36, and 36.000000000000007 as a product of floats: that must not become 37. */
const NOISE = 1e-9;

/** The whole number that is enough. */
export function enough(value: number): number {
  return Math.max(1, Math.ceil(value * (1 - NOISE)));
}

function costOf({ storageGB, memoryGB, cores }: Capacity, cloud: Cloud): MonthlyCost {
  const price = PRICES.clouds[cloud];
  const compute = cores * price.core;
  const memory = memoryGB * price.memoryGB;
  const storage = storageGB * price.storageGB;
  return { compute, memory, storage, total: compute + memory + storage };
}

/** Errors: E_ARGUMENT, E_RANGE. */
export function planCapacity(options: Need): CapacityPlan {
  const { documents, qps, peak } = checkNeed(options, ['documents', 'qps', 'peak']);
  const storageGB = (documents / RULES.documentsPerGB) * RULES.storageOverhead;
  const need: Capacity = {
    storageGB,
    memoryGB: RULES.modelMB / 1024 + storageGB * RULES.inMemory + RULES.systemGB,
    cores: (qps * peak) / RULES.queriesPerCore,
  };
  const get: Capacity = {
    storageGB: enough(need.storageGB * RULES.buffer.storage),
    memoryGB: enough(need.memoryGB * RULES.buffer.memory),
    cores: enough(need.cores * RULES.buffer.cores),
  };
  const { currency, date, source } = PRICES;
  return {
    ...{ documents, qps, peak, need, get },
    cost: { aws: costOf(get, 'aws'), gcp: costOf(get, 'gcp') },
    prices: { currency, date, source },
  };
}
