import type { Clock } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import { type ChainHead, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { type Failure, toFailure } from '#shared/model/failure.ts';
import type { SignedHead } from './chain-heads.ts';
import type { UnitLog } from './log.ts';

/** Where heads are kept: SqliteChainHeads, here or in the log's thread. */
export interface ChainHeads {
  unsigned(keyId: string): Promise<ChainHead | null>;
  keep(head: SignedHead, at: string): Promise<void>;
}

export interface HeadSignerOptions {
  readonly heads: ChainHeads;
  /** Rejects with `key-unavailable`: the log then goes on without signatures. */
  readonly signer: () => Promise<Signer>;
  readonly clock: Clock;
  /** Told once of a key that cannot be used, and again only after it could. */
  readonly warn: (failure: Failure) => void;
}

/**
 * Signs the chain's head soon after it has moved. Nobody waits for it: a record is durable without it, and what a crash
 * leaves unsigned the next head covers. While one is being signed, any number of records wait for the one after it.
 */
export class HeadSigner {
  readonly #options: HeadSignerOptions;
  #wanted = false;
  #working: Promise<void> | null = null;
  #told = false;

  constructor(options: HeadSignerOptions) {
    this.#options = options;
  }

  /** The head has moved, or may have while nobody signed. */
  headMoved(): void {
    this.#wanted = true;
    this.#working ??= this.#work();
  }

  /** Resolves when nothing is left to be signed, or cannot be. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    try {
      while (this.#wanted) {
        this.#wanted = false;
        await this.#sign();
      }
      this.#told = false;
    } catch (thrown) {
      if (!this.#told) this.#options.warn(toFailure(thrown));
      this.#told = true;
    } finally {
      this.#working = null;
    }
  }

  async #sign(): Promise<void> {
    const { heads, clock } = this.#options;
    const signer = await this.#options.signer();
    const { keyId, publicKey } = signer;
    const head = await heads.unsigned(keyId);
    if (head === null) return;
    const jws = await signer.sign(head, STATEMENTS.chainHead);
    await heads.keep({ ...head, keyId, publicKey, jws }, new Date(clock.now()).toISOString());
  }
}

/** The same log; its head is signed after each record. */
export function signAfterFinish(log: UnitLog, signer: HeadSigner): UnitLog {
  return {
    begin: (opening) => log.begin(opening),
    journal: (run, entries) => log.journal(run, entries),
    async finish(draft) {
      const record = await log.finish(draft);
      signer.headMoved();
      return record;
    },
    interruptedAtOpening: () => log.interruptedAtOpening(),
    unacknowledged: () => log.unacknowledged(),
    acknowledgeInterrupted: (sequences) => log.acknowledgeInterrupted(sequences),
    records: (query) => log.records(query),
    lastPass: (unit) => log.lastPass(unit),
    close: () => log.close(),
  };
}
