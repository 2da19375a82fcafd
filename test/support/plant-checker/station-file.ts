import Database from 'better-sqlite3';
import { z } from 'zod';
import { hashOf } from './canonical.ts';
import type { Fault } from './fault.ts';

/** What the checker needs of a record's content. */
export const Content = z.looseObject({
  sequence: z.number(),
  previousHash: z.string(),
  hash: z.string(),
  serial: z.string(),
  uid: z.string().nullable(),
  product: z.object({ id: z.string() }),
  process: z.string().default('flash'),
  order: z.string().optional(),
  batch: z.string().optional(),
  macs: z.array(z.string()).default([]),
  images: z.array(z.object({ sha256: z.object({ expected: z.string() }) })),
  signingKeys: z.array(z.string()),
  release: z.string(),
  /** By which name the plant knows it, whatever the record says. */
  station: z.string(),
  probe: z.string(),
  finishedAt: z.string(),
  verdict: z.string(),
  failure: z.object({ code: z.string() }).nullable(),
});
export type Content = z.infer<typeof Content>;

export interface StationRecord {
  readonly body: string;
  readonly content: Content;
  readonly simulated: boolean;
}

const Row = z.object({ body: z.string() });
const FIRST = '0'.repeat(64);

/** All of a station's records in chain order. Nothing is taken from its columns: what counts is the text that was hashed. */
export function readStation(file: string, station: string): { records: StationRecord[]; faults: Fault[] } {
  const database = new Database(file, { readonly: true, fileMustExist: true });
  try {
    const rows = database.prepare('SELECT body FROM records ORDER BY sequence').all();
    const records = rows.map((row) => readBody(Row.parse(row).body, station));
    return { records, faults: chainFaults(file, records) };
  } finally {
    database.close();
  }
}

function readBody(body: string, station: string): StationRecord {
  const content = { ...Content.parse(JSON.parse(body)), station };
  return { body, content, simulated: content.probe.startsWith('bench:') };
}

/** A station's own chain must hold, or there is nothing to compare the plant with. */
function chainFaults(file: string, records: readonly StationRecord[]): Fault[] {
  const faults: Fault[] = [];
  let [sequence, previous] = [0, FIRST];
  for (const { body, content } of records) {
    const where = `${file}, record ${content.sequence}`;
    if (content.sequence !== sequence + 1) faults.push({ kind: 'station-file', where, detail: `follows ${sequence}` });
    if (content.previousHash !== previous)
      faults.push({ kind: 'station-file', where, detail: 'another record before it' });
    if (hashOf(JSON.parse(body)) !== content.hash) faults.push({ kind: 'station-file', where, detail: 'was changed' });
    [sequence, previous] = [content.sequence, content.hash];
  }
  return faults;
}
