import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { realClock, realRandom } from '#main/app/real-clock.ts';
import { type LogDatabase, openLogDatabase } from '#main/log/log-database.ts';
import { processesOfThisMachine } from '#main/log/process-owner.ts';
import { LogSafety } from '#main/log/log-safety.ts';
import { SqliteOutbox } from '#main/log/sqlite-outbox.ts';
import { SqlitePlantStore } from '#main/log/sqlite-plant-store.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { Sync } from '#main/sync/sync.ts';
import type { Clock } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import type { SyncState } from '#shared/contract/sync.ts';
import { lineDraft, seeded } from '../line.ts';
import { newSigner } from '../plant-chain.ts';
import type { CheckedStation } from '../plant-checker/check.ts';

/** Sync's own waits, between tries and for answers, pass so much faster: two minutes have to hold a long night. */
const HASTE = 10;

export interface SoakStationOptions {
  readonly folder: string;
  readonly name: string;
  readonly seed: number;
  readonly units: number;
}

/** A station without a fixture: its log, outbox and sync are the real ones; its clock is anybody's guess. */
export class SoakStation {
  readonly name: string;
  readonly taken: string[] = [];
  readonly #file: string;
  readonly #database: LogDatabase;
  readonly #log: SqliteUnitLog;
  readonly #store: SqlitePlantStore;
  readonly #signer: Signer;
  readonly #random: () => number;
  readonly #units: number;
  #clockOffMs = 0;
  #made = 0;
  #sync: Sync | null = null;

  private constructor({ folder, name, seed, units }: SoakStationOptions, signer: Signer) {
    this.name = name;
    this.#file = join(folder, `${name}.sqlite`);
    this.#database = openLogDatabase({ file: this.#file, clock: realClock, warn: () => undefined });
    this.#log = new SqliteUnitLog(this.#database, { clock: realClock, processes: processesOfThisMachine() });
    this.#store = new SqlitePlantStore(this.#database);
    this.#signer = signer;
    this.#random = seeded(seed);
    this.#units = units;
  }

  static async open(options: SoakStationOptions): Promise<SoakStation> {
    return new SoakStation(options, await newSigner());
  }

  get made(): number {
    return this.#made;
  }

  get online(): boolean {
    return this.#sync !== null;
  }

  /** As when the program is started: what was kept is read, and the plant is visited from now on. */
  async comeBack(): Promise<Sync> {
    if (this.#sync !== null) return this.#sync;
    const sync = await Sync.open({
      store: this.#store,
      outbox: new SqliteOutbox(this.#database),
      gaps: new LogSafety(this.#database),
      signer: () => Promise.resolve(this.#signer),
      clock: this.#clock(),
      random: realRandom,
      appVersion: '0.2.0',
      release: () => ({ digest: 'a'.repeat(64), product: 'hello' }),
      warn: () => undefined,
    });
    this.#sync = sync;
    sync.start();
    return sync;
  }

  async goOffline(): Promise<void> {
    const sync = this.#sync;
    this.#sync = null;
    await sync?.close();
  }

  async enrol(url: string, code: string): Promise<void> {
    await (await this.comeBack()).enrol({ url, code }, AbortSignal.timeout(20_000));
  }

  async make(records: number): Promise<void> {
    for (let index = 0; index < records; index++) {
      const run = `${this.name}-${this.#made}`;
      const at = this.#clock().now();
      const draft = lineDraft({ run, station: this.name, at, random: this.#random, units: this.#units });
      await this.#log.begin(draft);
      await this.#log.finish(draft);
      this.#made += 1;
      if (index % 20 === 19) await pause(0);
    }
    this.#sync?.wake();
  }

  /** A serial from the station's own leases, where it has any left. */
  async takeNumber(pool: string): Promise<void> {
    const plantMs = this.#sync?.plantClock.now() ?? null;
    const taken = plantMs === null ? null : await this.#store.takeNumber(pool, plantMs);
    if (taken !== null) this.taken.push(taken.text);
  }

  /** Somebody sets the clock. */
  jump(ms: number): void {
    this.#clockOffMs += ms;
  }

  /** A visit now; what came of it. */
  async visit(): Promise<SyncState> {
    return (await this.comeBack()).now(AbortSignal.timeout(60_000));
  }

  /** Visits until the plant has everything. */
  async settle(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const { phase, pending, failure } = await this.visit();
      if (phase === 'idle' && pending === 0) return;
      if (performance.now() > deadline)
        throw new Error(`${this.name} does not settle: ${phase}, ${pending} pending, ${JSON.stringify(failure)}`);
      await pause(100);
    }
  }

  get checked(): CheckedStation {
    return { name: this.name, file: this.#file, publicKey: this.#signer.publicKey.x };
  }

  async close(): Promise<void> {
    await this.goOffline();
    await this.#log.close();
  }

  #clock(): Clock {
    return {
      now: () => realClock.now() + this.#clockOffMs,
      monotonic: () => realClock.monotonic(),
      sleep: (ms, signal) => realClock.sleep(ms / HASTE, signal),
    };
  }
}
