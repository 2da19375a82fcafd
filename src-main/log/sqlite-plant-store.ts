import { z } from 'zod';
import { Name, PublicKeyJwk, Sha256 } from '#shared/contract/plant/common.ts';
import { NumberLease } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LogDatabase } from './log-database.ts';
import { insertTaken } from './number-book.ts';
import type { Contact, Enrolment, HeldLease, PlantStore, PlantTime, TakenNumber, Taking } from './plant-store.ts';

const EnrolmentText = z.object({
  url: z.string(),
  plant: z.object({ name: Name, publicKey: PublicKeyJwk }),
  station: Name,
  tlsKey: Sha256.nullable(),
  enrolledAt: z.string(),
});

const PlantRow = z.object({
  enrolment: z.string(),
  document: z.string().nullable(),
  work_order: z.string().nullable(),
});
const TimeRow = z.object({
  contact: z.number(),
  contact_ms: z.number(),
  skew_ms: z.number(),
  plant_ms: z.number(),
  wall_ms: z.number(),
});
const KeyRow = z.object({ key: z.string() });
const LeaseRow = z.object({ terms: z.string(), next: z.number(), closed: z.number() });

const ONE: Taking = { size: 1, run: null, at: '' };

const TIME = 'contact, contact_ms, skew_ms, plant_ms, wall_ms';
const LEASE = 'SELECT terms, next, closed FROM number_leases';

/** See PlantStore. One row holds all but the leases; two processes over one file see the same. */
export class SqlitePlantStore implements PlantStore {
  readonly #database: LogDatabase;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  async enrolment(): Promise<Enrolment | null> {
    return this.#enrolment();
  }

  async enrol(enrolment: Enrolment): Promise<void> {
    this.#database.transaction(() => {
      const known = this.#enrolment();
      if (known && !isSamePlant(known, enrolment)) this.#forget();
      const sql = `INSERT INTO plant (one, enrolment) VALUES (1, ?)
        ON CONFLICT (one) DO UPDATE SET enrolment = excluded.enrolment`;
      this.#database.run(sql, JSON.stringify(EnrolmentText.parse(enrolment)));
    });
  }

  async document(): Promise<string | null> {
    return this.#plant()?.document ?? null;
  }

  async keepDocument(jws: string, serial: number): Promise<boolean> {
    return this.#database.run('UPDATE plant SET document = ?, serial = ? WHERE serial < ?', jws, serial, serial) === 1;
  }

  async time(): Promise<PlantTime | null> {
    return this.#time();
  }

  async contacted({ plantMs, wallMs }: Contact): Promise<PlantTime> {
    return this.#database.transaction(() => {
      const [there, here] = [Math.round(plantMs), Math.round(wallMs)];
      const sql = `UPDATE plant
        SET contact = contact + 1, contact_ms = ?, skew_ms = ?, plant_ms = ?, wall_ms = ?`;
      this.#database.run(sql, here, here - there, there, here);
      const time = this.#time();
      if (time === null) throw new FlashlineError('not-enrolled');
      return time;
    });
  }

  async timePassed(contact: number, { plantMs, wallMs }: Contact): Promise<PlantTime | null> {
    return this.#database.transaction(() => {
      const sql = 'UPDATE plant SET plant_ms = ?, wall_ms = ? WHERE contact = ? AND plant_ms <= ?';
      const reached = Math.round(plantMs);
      this.#database.run(sql, reached, Math.round(wallMs), contact, reached);
      return this.#time();
    });
  }

  async order(): Promise<string | null> {
    return this.#plant()?.work_order ?? null;
  }

  async setOrder(order: string | null): Promise<void> {
    this.#database.run('UPDATE plant SET work_order = ?', order);
  }

  async leaseKey(pool: string, fresh: string): Promise<string> {
    return this.#database.transaction(() => {
      this.#database.run('INSERT OR IGNORE INTO lease_questions (pool, key) VALUES (?, ?)', pool, fresh);
      return this.#database.first(KeyRow, 'SELECT key FROM lease_questions WHERE pool = ?', pool)?.key ?? fresh;
    });
  }

  async keepLease(lease: NumberLease): Promise<void> {
    const { lease: id, pool, first, last, until } = lease;
    this.#database.transaction(() => {
      const sql = `INSERT INTO number_leases (lease, pool, terms, next, last, until_ms) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (lease) DO NOTHING`;
      this.#database.run(sql, id, pool, JSON.stringify(lease), first, last, Date.parse(until));
      this.#database.run('DELETE FROM lease_questions WHERE pool = ?', pool);
    });
  }

  async leases(): Promise<readonly HeldLease[]> {
    return this.#database.all(LeaseRow, `${LEASE} WHERE returned = 0 ORDER BY id`).map(heldLease);
  }

  async takeNumber(pool: string, plantMs: number, taking: Taking = ONE): Promise<TakenNumber | null> {
    const { size, run, at } = taking;
    return this.#database.transaction(() => {
      // The first multiple of the size at or after `next`; of a lease with too little left the rest goes back when it ends.
      const number = 'next + (? - next % ?) % ?';
      const open = `pool = ? AND closed = 0 AND until_ms > ? AND ${number} + ? - 1 <= last`;
      const values = [pool, plantMs, size, size, size, size];
      const row = this.#database.first(LeaseRow, `${LEASE} WHERE ${open} ORDER BY id LIMIT 1`, ...values);
      if (row === undefined) return null;
      const { lease, next, ...terms } = heldLease(row);
      const first = Math.ceil(next / size) * size;
      this.#database.run('UPDATE number_leases SET next = ? WHERE lease = ?', first + size, lease);
      const text = numberText(terms, first);
      const told = terms.kind === 'mac' ? (text.match(/../gu) ?? []).join(':') : text;
      // A lease that was given back, and came to this station again, may hold a number that is known here as taken.
      insertTaken(this.#database, { source: `pool:${pool}`, number: first, size, text: told, run, at });
      return { text, number: first, lease };
    });
  }

  async closeLease(lease: string): Promise<HeldLease | null> {
    return this.#database.transaction(() => {
      this.#database.run('UPDATE number_leases SET closed = 1 WHERE lease = ?', lease);
      const row = this.#database.first(LeaseRow, `${LEASE} WHERE lease = ?`, lease);
      return row === undefined ? null : heldLease(row);
    });
  }

  async leaseReturned(lease: string): Promise<void> {
    this.#database.run('UPDATE number_leases SET closed = 1, returned = 1 WHERE lease = ?', lease);
  }

  #forget(): void {
    // Another plant's numbers are nobody's here; and it shall not be told of them.
    this.#database.run('UPDATE number_leases SET closed = 1, returned = 1');
    this.#database.run('DELETE FROM lease_questions');
    this.#database.run('DELETE FROM plant');
  }

  #plant(): z.infer<typeof PlantRow> | undefined {
    return this.#database.first(PlantRow, 'SELECT enrolment, document, work_order FROM plant');
  }

  #enrolment(): Enrolment | null {
    const row = this.#plant();
    return row === undefined ? null : EnrolmentText.parse(JSON.parse(row.enrolment));
  }

  #time(): PlantTime | null {
    const row = this.#database.first(TimeRow, `SELECT ${TIME} FROM plant WHERE contact > 0`);
    if (row === undefined) return null;
    const { contact, contact_ms, skew_ms, plant_ms, wall_ms } = row;
    return { contact, contactMs: contact_ms, skewMs: skew_ms, plantMs: plant_ms, wallMs: wall_ms };
  }
}

function isSamePlant(a: Enrolment, b: Enrolment): boolean {
  return a.plant.publicKey.x === b.plant.publicKey.x && a.station === b.station;
}

function heldLease({ terms, next, closed }: z.infer<typeof LeaseRow>): HeldLease {
  return { ...NumberLease.parse(JSON.parse(terms)), next, closed: closed === 1 };
}

/** As the contract says it of NumberLease. */
function numberText({ kind, prefix, digits }: Pick<NumberLease, 'kind' | 'prefix' | 'digits'>, number: number): string {
  return kind === 'mac' ? number.toString(16).padStart(12, '0') : `${prefix}${String(number).padStart(digits, '0')}`;
}
