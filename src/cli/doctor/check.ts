/** `missing` is something that one would want and can get; `bad` means that search cannot work. */
export type State = 'ok' | 'warn' | 'missing' | 'bad';

/** One thing that the doctor looked at. */
export interface Check {
  section: 'this machine' | 'vector search' | 'building from source' | 'data';
  name: string;
  state: State;
  /** What was found. */
  found: string;
  /** What to do about it. */
  fix?: string;
  /** For programs: the numbers and names behind `found`. */
  detail?: Record<string, unknown>;
}
