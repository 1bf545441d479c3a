/** What Linux says about this process. */
import { readdirSync, readFileSync } from 'node:fs';

export const MIB = 1 << 20;

function statusLine(name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(found?.[1]);
}

export function rssBytes(): number {
  return statusLine('VmRSS') * 1024;
}

export function threadCount(): number {
  return statusLine('Threads');
}

export function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `reached` holds, some seconds at most. What is torn down ends on its own time. */
export async function settled(reached: () => boolean): Promise<boolean> {
  for (let i = 0; i < 400; i++) {
    if (reached()) return true;
    await pause(25);
  }
  return reached();
}
