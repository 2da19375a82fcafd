import { hashOf } from './canonical.ts';
import type { Fault, FaultKind } from './fault.ts';
import type { ChainRow, LinkRow, PlantRows, RecordRow } from './plant-rows.ts';
import { readHead } from './signature.ts';
import type { Content, StationRecord } from './station-file.ts';

export interface StationChain {
  readonly station: string;
  /** Of the station's Ed25519 public key: `x` of its JWK. */
  readonly publicKey: string;
  readonly records: readonly StationRecord[];
}

/** One chain, record by record: the plant's rows against what the station's file holds. */
export async function checkChain(rows: PlantRows, chain: ChainRow, truth: StationChain): Promise<Fault[]> {
  const faults = new Faults(`${truth.station}, chain ${chain.genesis.slice(0, 12)}`);
  const seen = await checkRecords(rows.records(chain.id), truth.records, faults);
  checkComplete(seen, truth.records, faults);
  checkLinks(await rows.links(chain.id), chain, truth.records, faults);
  checkEnd(chain, truth, faults);
  return faults.list;
}

class Faults {
  readonly list: Fault[] = [];
  readonly #where: string;
  constructor(where: string) {
    this.#where = where;
  }
  add(kind: FaultKind, sequence: number, detail: string): void {
    this.list.push({ kind, where: `${this.#where}, record ${sequence}`, detail });
  }
}

async function checkRecords(
  rows: AsyncIterable<RecordRow>,
  truth: readonly StationRecord[],
  faults: Faults,
): Promise<Set<number>> {
  const seen = new Set<number>();
  for await (const row of rows) {
    const own = truth[row.sequence - 1];
    if (seen.has(row.sequence)) faults.add('doubled', row.sequence, 'stands in the plant more than once');
    seen.add(row.sequence);
    if (own === undefined) faults.add('foreign', row.sequence, 'the station has no such record');
    else if (own.simulated) faults.add('simulated', row.sequence, 'of a simulated unit');
    else checkRecord(row, own, faults);
  }
  return seen;
}

function checkRecord(row: RecordRow, own: StationRecord, faults: Faults): void {
  if (row.body !== own.body) faults.add('changed', row.sequence, 'is not, byte for byte, what the station has');
  const wanted = hashOf(JSON.parse(row.body));
  if (row.hash !== wanted) faults.add('hash', row.sequence, `kept under ${row.hash}, has ${wanted}`);
  const columns: Readonly<Record<string, unknown>> = { ...row, facets: row.facets.toSorted().join(' ') };
  for (const [name, value] of Object.entries(columnsOf(own.content)))
    if (columns[name] !== value)
      faults.add('column', row.sequence, `${name} is ${String(columns[name])}, the record says ${String(value)}`);
}

function columnsOf(content: Content): Record<string, string | number | null> {
  const { serial, uid, verdict, station, process, hash } = content;
  const finished_at = Date.parse(content.finishedAt);
  return {
    serial,
    finished_at,
    hash,
    product: content.product.id,
    process,
    uid,
    verdict,
    station,
    facets: facets(content),
  };
}

function facets({ images, signingKeys, release, macs, batch, order }: Content): string {
  const all = [
    ...images.map((image) => `image:${image.sha256.expected}`),
    ...signingKeys.map((key) => `key:${key}`),
    `release:${release}`,
    ...macs.map((mac) => `mac:${mac}`),
    ...(batch === undefined ? [] : [`batch:${batch}`]),
    ...(order === undefined ? [] : [`order:${order}`]),
  ];
  return [...new Set(all)].sort().join(' ');
}

function checkComplete(seen: ReadonlySet<number>, truth: readonly StationRecord[], faults: Faults): void {
  for (const { content, simulated } of truth)
    if (!simulated && !seen.has(content.sequence)) faults.add('lost', content.sequence, 'is at the station only');
}

/** Simulated units' records are links in the plant, as far as it has the chain. */
function checkLinks(rows: readonly LinkRow[], chain: ChainRow, truth: readonly StationRecord[], faults: Faults): void {
  const links = new Map(rows.map((row) => [row.sequence, row]));
  for (const { content, simulated } of truth) {
    if (!simulated || content.sequence > chain.sequence) continue;
    const link = links.get(content.sequence);
    links.delete(content.sequence);
    if (link?.hash !== content.hash || link.previous_hash !== content.previousHash)
      faults.add('gap', content.sequence, link === undefined ? 'the chain has a hole here' : 'the link is another one');
  }
  for (const sequence of links.keys()) faults.add('gap', sequence, 'a link where no simulated record is');
}

function checkEnd(chain: ChainRow, { records, publicKey }: StationChain, faults: Faults): void {
  const last = records.findLast(({ simulated }) => !simulated)?.content.sequence ?? 0;
  const end = records[chain.sequence - 1]?.content.hash;
  if (chain.sequence < last || chain.hash !== end)
    faults.add(
      'head',
      chain.sequence,
      `the plant has the chain up to here by hash ${chain.hash}, the station has ${end}`,
    );
  if (chain.signed < last || chain.signed > records.length)
    faults.add('signature', chain.signed, `signed up to here, the station has ${last}`);
  const head = chain.head === null ? 'no signature' : readHead(chain.head, publicKey);
  if (typeof head === 'string') return faults.add('signature', chain.signed, head);
  if (
    head.chain !== chain.genesis ||
    head.hash !== records[head.sequence - 1]?.content.hash ||
    head.sequence < chain.signed
  )
    faults.add('signature', head.sequence, 'the station signed another head');
}
