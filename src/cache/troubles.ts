/** Warnings: one for each kind of trouble, and another when it comes back after it has healed. */

/** What shows that a trouble is over: the next that went well of the same sort. */
export type Deed = 'read' | 'write' | 'store';

/** Trouble that comes and goes all the time is one trouble: it has healed when nothing was heard of it for so long. */
const CALM_MS = 1_000;

export class Troubles {
  readonly #warn: (message: string) => void;
  readonly #known = new Map<string, { deed: Deed; last: number }>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  note(kind: string, deed: Deed, message: string): void {
    const last = performance.now();
    const known = this.#known.get(kind);
    this.#known.set(kind, { deed: known?.deed ?? deed, last });
    if (known === undefined) this.#tell(`The cache of answers: ${message}`);
  }

  wentWell(deed: Deed): void {
    if (this.#known.size === 0) return;
    const now = performance.now();
    for (const [kind, known] of this.#known) {
      if (known.deed === deed && now - known.last >= CALM_MS) this.#known.delete(kind);
    }
  }

  /** The listener's own mistakes are not the call's. */
  #tell(message: string): void {
    try {
      this.#warn(message);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}
