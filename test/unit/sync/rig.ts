import { randomBytes } from 'node:crypto';
import type { Clock } from '#shared/base/clock.ts';
import type { SyncState } from '#shared/contract/sync.ts';
import type { Failure } from '#shared/model/failure.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import { jwsSigner } from '#shared/contract/jws.ts';
import { openLogDatabase, type LogDatabase } from '#main/log/log-database.ts';
import type { Outbox } from '#main/log/log.ts';
import type { PlantStore } from '#main/log/plant-store.ts';
import { LogSafety } from '#main/log/log-safety.ts';
import { SqliteOutbox } from '#main/log/sqlite-outbox.ts';
import { SqlitePlantStore } from '#main/log/sqlite-plant-store.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { Sync } from '#main/sync/sync.ts';
import { generateKeyPairSync } from 'node:crypto';
import { FakePlant } from '#test/support/fake-plant/fake-plant.ts';
import { type ServedPlant, servePlant } from '#test/support/fake-plant/serve-plant.ts';
import { draft, opening, temporaryFolder, Village } from '../log/fixtures.ts';

export const NOON = Date.parse('2026-03-01T12:00:00Z');

/** Wall and monotonic time that the test sets; sleepers wake when monotonic time has passed. */
export class TwoClocks implements Clock {
  wall = NOON;
  mono = 0;
  #sleepers: { readonly until: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.wall;
  }
  monotonic(): number {
    return this.mono;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#sleepers.push({ until: this.mono + ms, wake: resolve });
    });
  }
  advance(ms: number): void {
    this.wall += ms;
    this.mono += ms;
    const due = this.#sleepers.filter(({ until }) => until <= this.mono);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.mono);
    for (const { wake } of due) wake();
  }
}

export interface SyncRig {
  readonly plant: FakePlant;
  readonly served: ServedPlant;
  readonly clock: TwoClocks;
  readonly log: SqliteUnitLog;
  readonly outbox: Outbox;
  readonly database: LogDatabase;
  readonly safety: LogSafety;
  readonly store: PlantStore;
  readonly warnings: Failure[];
  /** A process on this station's log; closed with the rig. */
  open(change?: { readonly outbox?: Outbox; readonly store?: PlantStore; readonly product?: string }): Promise<Sync>;
  /** Writes a record and answers its run. */
  record(changes?: Partial<RecordDraft>): Promise<string>;
  /** Enrols as `line-1`, with the first visit. */
  enrol(sync: Sync): Promise<SyncState>;
  close(): Promise<void>;
}

export const NEVER = new AbortController().signal;
export const DIGEST = 'e'.repeat(64);

export async function makeSyncRig(): Promise<SyncRig> {
  const folder = temporaryFolder();
  const plant = new FakePlant();
  const clock = new TwoClocks();
  // Its clock is right, whatever this station's says.
  plant.now = () => NOON + clock.mono;
  const served = await servePlant(plant);
  const database: LogDatabase = openLogDatabase({ file: `${folder.path}/station.db`, clock, warn: () => undefined });
  const log = new SqliteUnitLog(database, { clock, processes: new Village(1) });
  const store = new SqlitePlantStore(database);
  const outbox = new SqliteOutbox(database);
  const safety = new LogSafety(database);
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x = '', d = '' } = privateKey.export({ format: 'jwk' });
  const signer = await jwsSigner({ kty: 'OKP', crv: 'Ed25519', x, d });
  const warnings: Failure[] = [];
  const opened: Sync[] = [];
  let runs = 0;
  return {
    plant,
    served,
    clock,
    log,
    outbox,
    database,
    safety,
    store,
    warnings,
    async open(change = {}) {
      const sync = await Sync.open({
        store: change.store ?? store,
        outbox: change.outbox ?? outbox,
        gaps: safety,
        signer: async () => signer,
        clock,
        random: (length) => new Uint8Array(randomBytes(length)),
        appVersion: '0.0.0-test',
        release: () => ({ digest: DIGEST, product: change.product ?? 'hello' }),
        warn: (failure) => warnings.push(failure),
      });
      opened.push(sync);
      return sync;
    },
    async record(changes = {}) {
      runs += 1;
      const run = `run-${runs}`;
      await log.begin({ ...opening(run), ...(changes.probe ? { probe: changes.probe } : {}) });
      await log.finish(draft(run, { serial: `HB${String(runs).padStart(6, '0')}`, ...changes }));
      return run;
    },
    enrol: (sync) => sync.enrol({ url: served.url, code: plant.invite('line-1') }, NEVER),
    async close() {
      for (const sync of opened) await sync.close();
      await served.close();
      await log.close();
      folder.remove();
    },
  };
}

/** Every record's canonical JSON by its place, as the plant has it; null for links. */
export function plantBodies(plant: FakePlant): (string | null)[] {
  return [...plant.chains.values()].flatMap((places) => places.map(({ body }) => body));
}
