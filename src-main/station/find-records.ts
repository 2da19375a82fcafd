import type { LogFindings } from '#shared/contract/station.ts';
import type { RecordQuery, UnitLog } from '../log/log.ts';

interface Attempt {
  readonly by: LogFindings['by'];
  readonly query: RecordQuery;
}

const SHA256 = /^[0-9a-f]{64}$/i;
const MAC = /^[0-9a-f]{2}([:-]?[0-9a-f]{2}){5}$/i;

/**
 * Records of whatever was scanned or typed, newest first. A hash and a MAC are known by their form; anything else is a
 * serial before it is a hardware id, an order or a batch. A further page is never empty as what the first was found.
 */
export async function findRecords(
  log: Pick<UnitLog, 'records'>,
  { text, before, limit }: { readonly text: string; readonly before?: number | undefined; readonly limit: number },
): Promise<LogFindings> {
  const page = { limit: limit + 1, ...(before === undefined ? {} : { before }) };
  for (const { by, query } of attemptsFor(text.trim())) {
    const found = await log.records({ ...query, ...page });
    if (found.length === 0) continue;
    const records = found.slice(0, limit);
    return { by, records, next: found.length > limit ? (records.at(-1)?.sequence ?? null) : null };
  }
  return { by: 'nothing', records: [], next: null };
}

function attemptsFor(text: string): readonly Attempt[] {
  if (text === '') return [{ by: 'newest', query: {} }];
  const bySerial: Attempt = { by: 'serial', query: { serial: text } };
  if (SHA256.test(text))
    return [{ by: 'image', query: { facet: { kind: 'image', value: text.toLowerCase() } } }, bySerial];
  if (MAC.test(text)) {
    const value = (text.toLowerCase().match(/[0-9a-f]{2}/g) ?? []).join(':');
    return [bySerial, { by: 'mac', query: { facet: { kind: 'mac', value } } }, { by: 'uid', query: { uid: text } }];
  }
  return [
    bySerial,
    { by: 'uid', query: { uid: text } },
    { by: 'order', query: { facet: { kind: 'order', value: text } } },
    { by: 'batch', query: { facet: { kind: 'batch', value: text } } },
  ];
}
