import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NumberLease } from '#shared/contract/plant/station-api.ts';
import { type LogDatabase, openLogDatabase } from '#main/log/log-database.ts';
import type { Enrolment } from '#main/log/plant-store.ts';
import { SqliteNumberBook } from '#main/log/number-book.ts';
import { SqlitePlantStore } from '#main/log/sqlite-plant-store.ts';
import { A_DAY, standingClock, temporaryFolder } from './fixtures.ts';

const PROCESS = join(import.meta.dirname, 'number-process.ts');
const NOW = Date.parse(A_DAY);
const UNTIL = new Date(NOW + 1000).toISOString();

const ENROLMENT: Enrolment = {
  url: 'https://plant:8443',
  plant: { name: 'Ulm', publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) } },
  station: 'line-1',
  tlsKey: 'a'.repeat(64),
  enrolledAt: A_DAY,
};

function lease(id: string, first: number, last: number, over: Partial<NumberLease> = {}): NumberLease {
  const what = { station: 'line-1', pool: 'serials', kind: 'serial', prefix: 'HB', digits: 6 } as const;
  return { lease: id, ...what, first, last, issuedAt: A_DAY, until: UNTIL, ...over };
}

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let database: LogDatabase;
let store: SqlitePlantStore;
const openAgain = () => {
  database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  store = new SqlitePlantStore(database);
};
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'station.db');
  openAgain();
});
afterEach(() => {
  database.close();
  folder.remove();
});

describe('the enrolment', () => {
  it('and all that came with it is there after a restart', async () => {
    expect(await store.enrolment()).toBeNull();
    await store.enrol(ENROLMENT);
    await store.keepDocument('a.b.c', 7);
    await store.setOrder('WO-1');
    await store.contacted({ plantMs: NOW, wallMs: NOW + 60_000 });
    database.close();
    openAgain();
    expect(await store.enrolment()).toEqual(ENROLMENT);
    expect(await store.document()).toBe('a.b.c');
    expect(await store.order()).toBe('WO-1');
    expect(await store.time()).toEqual({
      contact: 1,
      contactMs: NOW + 60_000,
      skewMs: 60_000,
      plantMs: NOW,
      wallMs: NOW + 60_000,
    });
  });

  it('at another plant forgets the first one’s document and numbers; at the same one it keeps them', async () => {
    await store.enrol(ENROLMENT);
    await store.keepDocument('a.b.c', 7);
    await store.keepLease(lease('one', 1, 9));
    await store.enrol({ ...ENROLMENT, url: 'https://moved:8443' });
    expect(await store.document()).toBe('a.b.c');
    await store.enrol({
      ...ENROLMENT,
      plant: { ...ENROLMENT.plant, publicKey: { kty: 'OKP', crv: 'Ed25519', x: 'B'.repeat(43) } },
    });
    expect(await store.document()).toBeNull();
    expect(await store.takeNumber('serials', NOW)).toBeNull();
    expect(await store.leases()).toEqual([]);
  });
});

describe('the document', () => {
  it('is replaced by newer ones only', async () => {
    await store.enrol(ENROLMENT);
    expect(await store.keepDocument('new', 7)).toBe(true);
    expect(await store.keepDocument('same', 7)).toBe(false);
    expect(await store.keepDocument('old', 6)).toBe(false);
    expect(await store.document()).toBe('new');
    expect(() => database.run('UPDATE plant SET serial = 6')).toThrow(/never replaces a newer/);
  });
});

describe('the plant’s time', () => {
  it('goes forward only, but for what the plant itself says; an older contact’s reckoning is no more', async () => {
    await store.enrol(ENROLMENT);
    const { contact } = await store.contacted({ plantMs: 1000, wallMs: 0 });
    await store.timePassed(contact, { plantMs: 5000, wallMs: 4000 });
    expect(await store.timePassed(contact, { plantMs: 3000, wallMs: 2000 })).toMatchObject({ plantMs: 5000 });
    const healed = await store.contacted({ plantMs: 2000, wallMs: 0 });
    expect(await store.timePassed(contact, { plantMs: 9000, wallMs: 8000 })).toEqual(healed);
  });
});

describe('numbers', () => {
  beforeEach(() => store.enrol(ENROLMENT));

  it('come one after the other, from one block after the other, as text', async () => {
    await store.keepLease(lease('one', 9, 10));
    await store.keepLease(lease('two', 40, 40));
    const texts = [];
    for (let i = 0; i < 4; i++) texts.push((await store.takeNumber('serials', NOW))?.text);
    expect(texts).toEqual(['HB000009', 'HB000010', 'HB000040', undefined]);
    await store.keepLease(
      lease('mac', 0x02005e000001, 0x02005e000009, { pool: 'macs', kind: 'mac', prefix: '', digits: 12 }),
    );
    expect((await store.takeNumber('macs', NOW))?.text).toBe('02005e000001');
  });

  it('come so many at once, the first a multiple; what is passed over stays in its block', async () => {
    const mac = { pool: 'macs', kind: 'mac', prefix: '', digits: 12 } as const;
    await store.keepLease(lease('one', 0x02005e000001, 0x02005e00000a, mac));
    await store.keepLease(lease('two', 0x02005e000011, 0x02005e000017, mac));
    const four = { size: 4, run: 'r1', at: A_DAY };
    const texts = [];
    for (let i = 0; i < 3; i++) texts.push((await store.takeNumber('macs', NOW, four))?.text);
    // 04 to 07; 08 to 0b would end outside; of the second block 14 to 17.
    expect(texts).toEqual(['02005e000004', '02005e000014', undefined]);
    const taken = await new SqliteNumberBook(database).taken({ source: '', number: 0 }, 10);
    expect(taken).toMatchObject([
      { source: 'pool:macs', text: '02:00:5e:00:00:04', size: 4, run: 'r1', state: 'void' },
      { source: 'pool:macs', text: '02:00:5e:00:00:14', size: 4, run: 'r1', state: 'void' },
    ]);
  });

  it('are not taken after the lease’s time, nor of a closed lease, nor again when the lease comes again', async () => {
    await store.keepLease(lease('one', 1, 9));
    await store.takeNumber('serials', NOW);
    await store.keepLease(lease('one', 1, 9));
    expect((await store.takeNumber('serials', NOW + 999))?.text).toBe('HB000002');
    expect(await store.takeNumber('serials', NOW + 1000)).toBeNull();
    expect(await store.closeLease('one')).toMatchObject({ next: 3, closed: true });
    expect(await store.takeNumber('serials', NOW)).toBeNull();
    await store.leaseReturned('one');
    await store.keepLease(lease('one', 1, 9));
    expect(await store.takeNumber('serials', NOW)).toBeNull();
    expect(() => database.run('UPDATE number_leases SET next = 1')).toThrow(/taken once/);
    expect(() => database.run('DELETE FROM number_leases')).toThrow(/never forgotten/);
  });

  it('are asked for with the same key until the answer is kept', async () => {
    expect(await store.leaseKey('serials', 'key-1')).toBe('key-1');
    expect(await store.leaseKey('serials', 'key-2')).toBe('key-1');
    await store.keepLease(lease('one', 1, 9));
    expect(await store.leaseKey('serials', 'key-3')).toBe('key-3');
  });

  it('are each taken once by processes that work at once, some of which are killed', async () => {
    await store.keepLease(lease('one', 1, 160));
    const killed = await taker(15);
    const both = await Promise.all([taker(30), taker(Number.POSITIVE_INFINITY)]);
    const all = [killed, ...both].flat();
    expect(killed.length).toBeGreaterThanOrEqual(14);
    expect(new Set(all).size).toBe(all.length);
    // What a killed process had taken and could not say any more is lost, never given twice.
    expect(all.length).toBeGreaterThan(140);
  }, 120_000);
});

/** Kills it the hard way after so many lines. */
function taker(killAfter: number): Promise<string[]> {
  const child = spawn(process.execPath, [PROCESS, file, String(NOW)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > killAfter) child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    child.on('close', () => resolve(text.split('\n').filter((line) => line.length === 8)));
  });
}
