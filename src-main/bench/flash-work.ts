/** One thing that a flash controller does to its cells, in its own time. */
export interface FlashOperation {
  readonly ns: number;
  /** The cells change when the time is up. */
  apply(): void;
  /** What the cells hold when power or a reset comes in between. */
  leaveHalfDone(): void;
}

/**
 * A flash controller's one operation under way, in virtual nanoseconds: it starts when it is accepted and changes the cells
 * when it ends. What may start, and who waits for it, is the controller's to say.
 */
export class FlashWork {
  readonly #finished: (operations: number) => void;
  #busy: { readonly operation: FlashOperation; readonly until: number } | undefined;
  /** Carried through since power came up. */
  operations = 0;
  /** Nothing ends after the supply has failed, however long the bus is held for it. */
  supplyFailsAt = Infinity;

  constructor(finished: (operations: number) => void) {
    this.#finished = finished;
  }

  /** Ends what has ended by `at`. Every access settles first. */
  settle(at: number): void {
    if (!this.#busy || this.#busy.until > Math.min(at, this.supplyFailsAt)) return;
    const { operation } = this.#busy;
    this.#busy = undefined;
    operation.apply();
    this.operations++;
    this.#finished(this.operations);
  }

  /** When the operation under way will end; undefined when idle at `at`. */
  idleAt(at: number): number | undefined {
    this.settle(at);
    return this.#busy?.until;
  }

  /** The bus is held until the controller is idle: when that is. */
  wait(at: number): number {
    const idle = this.idleAt(at) ?? at;
    this.settle(idle);
    return idle;
  }

  /** The controller is idle. */
  start(operation: FlashOperation, at: number): void {
    this.#busy = { operation, until: at + operation.ns };
  }

  /** Reset or power loss: what was under way stays half done. */
  abort(at: number): void {
    this.settle(at);
    const operation = this.#busy?.operation;
    this.#busy = undefined;
    operation?.leaveHalfDone();
  }

  powerOn(): void {
    this.supplyFailsAt = Infinity;
    this.operations = 0;
  }
}
