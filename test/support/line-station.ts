import { join } from 'node:path';
import { realClock } from '#main/app/real-clock.ts';
import { processesOfThisMachine } from '#main/log/process-owner.ts';
import { openUnitLog, type SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import type { Ingest } from '#plant/ingest/ingest.ts';
import type { Signer } from '#shared/base/signer.ts';
import { type BatchItem, STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { isSimulated, type UnitRecord } from '#shared/model/unit-record.ts';
import { lineDraft, seeded } from './line.ts';
import { newSigner } from './plant-chain.ts';
import type { CheckedStation } from './plant-checker/check.ts';

const BATCH = 50;

export interface LineStationOptions {
  readonly folder: string;
  readonly name: string;
  /** The same seed makes the same records. */
  readonly seed: number;
  readonly units: number;
}

/** A station with a real log, which sends by calling the plant's ingest itself: no network, no sessions. */
export class LineStation {
  readonly name: string;
  /** So much of the chain the plant said that it has. */
  acknowledged = 0;
  readonly #log: SqliteUnitLog;
  readonly #file: string;
  readonly #signer: Signer;
  readonly #units: number;
  readonly #random: () => number;
  readonly #records: UnitRecord[] = [];

  private constructor({ folder, name, seed, units }: LineStationOptions, signer: Signer) {
    this.name = name;
    this.#file = join(folder, `${name}.sqlite`);
    const processes = processesOfThisMachine();
    this.#log = openUnitLog({ file: this.#file, clock: realClock, processes, warn: () => undefined });
    this.#signer = signer;
    this.#units = units;
    this.#random = seeded(seed);
  }

  static async open(options: LineStationOptions): Promise<LineStation> {
    return new LineStation(options, await newSigner());
  }

  /** `everyMs` apart on the station's clock. */
  async make(records: number, from: number, everyMs: number): Promise<void> {
    for (let index = 0; index < records; index++) {
      const run = `${this.name}-${this.#records.length}`;
      const at = from + index * everyMs;
      const draft = lineDraft({ run, station: this.name, at, random: this.#random, units: this.#units });
      await this.#log.begin(draft);
      this.#records.push(await this.#log.finish(draft));
    }
  }

  /** All that the plant does not have, however often it was sent before. Returns how many records and links that were. */
  async send(ingest: Ingest): Promise<number> {
    const chain = this.#records[0]?.hash;
    if (chain === undefined) return 0;
    const { sequence: has } = await ingest.head(this.name, chain);
    for (let from = has; from < this.#records.length; from += BATCH) {
      const records = this.#records.slice(from, from + BATCH);
      const { sequence = 0, hash = '' } = records.at(-1) ?? {};
      const head = await this.#signer.sign({ chain, sequence, hash }, STATEMENTS.chainHead);
      const sender = { station: this.name, publicKey: this.#signer.publicKey };
      const answer = await ingest.take(sender, { chain, head, items: records.map(asItem) }, new Date());
      this.acknowledged = Math.max(this.acknowledged, answer.sequence);
    }
    return this.#records.length - has;
  }

  /** For the checker. */
  get checked(): CheckedStation {
    return { name: this.name, file: this.#file, publicKey: this.#signer.publicKey.x };
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}

function asItem(record: UnitRecord): BatchItem {
  if (!isSimulated(record)) return { record };
  const { sequence, previousHash, hash } = record;
  return { link: { sequence, previousHash, hash } };
}
