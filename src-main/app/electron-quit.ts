/** What the operator wants when the app is asked to quit while units are being flashed. */
export type QuitChoice = 'stay' | 'when-done' | 'abort';

export interface QuitParts {
  /** Names of the slots that run now. */
  readonly running: () => readonly string[];
  readonly ask: (running: readonly string[]) => Promise<QuitChoice>;
  /** Asks every running slot to abort; each run ends with its record, ABORTED. */
  readonly abortAll: () => void;
  /** Resolves when no slot runs. */
  readonly idle: () => Promise<void>;
  /** Closes what the station holds: probes, log. */
  readonly close: () => Promise<void>;
}

/**
 * Holds the app open until no unit is left half-written: a run ends by itself or is aborted on purpose, is recorded,
 * and only then does the app go. Asking twice while the first request is under way changes nothing.
 */
export class QuitGuard {
  readonly #parts: QuitParts;
  #passed = false;
  #underWay: Promise<boolean> | null = null;

  constructor(parts: QuitParts) {
    this.#parts = parts;
  }

  /** Whether the station is closed and the app may go. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Resolves with whether the app may go; rejects when the station could not be closed in order. */
  request(): Promise<boolean> {
    this.#underWay ??= this.#settle().finally(() => {
      this.#underWay = null;
    });
    return this.#underWay;
  }

  async #settle(): Promise<boolean> {
    const { running, ask, abortAll, idle, close } = this.#parts;
    const busy = running();
    if (busy.length > 0) {
      const choice = await ask(busy);
      if (choice === 'stay') return false;
      if (choice === 'abort') abortAll();
      await idle();
    }
    await close();
    this.#passed = true;
    return true;
  }
}
