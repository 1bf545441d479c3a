/** What clouds ask for a month of a core, of a gigabyte of memory and of a gigabyte of disk. Data: change them here, with the date. */

export type Cloud = 'aws' | 'gcp';

export interface Prices {
  currency: string;
  /** When they were taken over. Prices move: a plan says of which day its prices are. */
  date: string;
  source: string;
  /** By the month: a core, a GB of memory, a GB of disk. */
  clouds: Record<Cloud, { core: number; memoryGB: number; storageGB: number }>;
}

export const PRICES: Prices = {
  currency: 'USD',
  date: '2026-11-26',
  source: 'the rough figures of the performance guide',
  clouds: {
    aws: { core: 50, memoryGB: 5, storageGB: 0.1 },
    gcp: { core: 45, memoryGB: 4.5, storageGB: 0.08 },
  },
};
