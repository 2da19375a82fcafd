import { Client } from 'pg';
import { z } from 'zod';

const Time = z.date().transform((at) => at.getTime());
/** `bigint` comes as text. */
const Count = z.coerce.number();

const ChainRow = z.object({
  id: z.number(),
  station: z.string(),
  genesis: z.string(),
  sequence: Count,
  hash: z.string(),
  head: z.string().nullable(),
  signed: Count,
});
export type ChainRow = z.infer<typeof ChainRow>;

const RecordRow = z.object({
  serial: z.string(),
  finished_at: Time,
  hash: z.string(),
  sequence: Count,
  product: z.string(),
  process: z.string(),
  uid: z.string().nullable(),
  verdict: z.string(),
  station: z.string(),
  facets: z.array(z.string()),
  body: z.string(),
});
export type RecordRow = z.infer<typeof RecordRow>;

const LinkRow = z.object({ sequence: Count, previous_hash: z.string(), hash: z.string() });
export type LinkRow = z.infer<typeof LinkRow>;

const UnitRow = z.object({
  serial: z.string(),
  product: z.string(),
  process: z.string(),
  runs: Count,
  begun_at: Time,
  first_at: Time.nullable(),
  first_hash: z.string().nullable(),
  first_verdict: z.string().nullable(),
  first_station: z.string().nullable(),
  first_order: z.string().nullable(),
  last_at: Time,
  last_hash: z.string(),
  last_verdict: z.string(),
  last_station: z.string(),
  pass_at: Time.nullable(),
  pass_hash: z.string().nullable(),
  pass_station: z.string().nullable(),
  pass_uid: z.string().nullable(),
  board: z.string().nullable(),
});
export type UnitRow = z.infer<typeof UnitRow>;

const YieldRow = z.object({
  at: Time,
  product: z.string(),
  process: z.string(),
  station: z.string(),
  work_order: z.string(),
  attempted: Count,
  passed_first: Count,
  passed_later: Count,
});
export type YieldRow = z.infer<typeof YieldRow>;

const RunsRow = z.object({
  at: Time,
  product: z.string(),
  process: z.string(),
  station: z.string(),
  verdict: z.string(),
  code: z.string(),
  runs: Count,
});
export type RunsRow = z.infer<typeof RunsRow>;

/** Of a roll-up's cells, UTC. */
export type Span = 'hour' | 'day';

const PAGE = 2000;

/** The plant's rows as they stand at one moment: everything is read in one transaction that sees nothing newer. */
export class PlantRows {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open(url: string): Promise<PlantRows> {
    const client = new Client({ connectionString: url, application_name: 'plant checker' });
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return new PlantRows(client);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  chains(): Promise<ChainRow[]> {
    return this.#all(ChainRow, 'SELECT * FROM chains ORDER BY id');
  }

  links(chain: number): Promise<LinkRow[]> {
    return this.#all(LinkRow, 'SELECT * FROM links WHERE chain = $1 ORDER BY sequence', [chain]);
  }

  /** A chain's records by their place; of two with one place both come. */
  async *records(chain: number): AsyncGenerator<RecordRow> {
    const text = 'DECLARE chain_records CURSOR FOR SELECT * FROM records WHERE chain = $1 ORDER BY sequence, hash';
    await this.#client.query(text.replace('$1', String(chain)));
    for (;;) {
      const rows = await this.#all(RecordRow, `FETCH ${PAGE} FROM chain_records`);
      yield* rows;
      if (rows.length < PAGE) break;
    }
    await this.#client.query('CLOSE chain_records');
  }

  /** Records of chains that the plant does not know. */
  orphans(): Promise<{ chain: number; sequence: number }[]> {
    const shape = z.object({ chain: z.number(), sequence: Count });
    return this.#all(shape, 'SELECT chain, sequence FROM records WHERE chain NOT IN (SELECT id FROM chains)');
  }

  units(): Promise<UnitRow[]> {
    return this.#all(UnitRow, 'SELECT * FROM units');
  }

  yields(span: Span): Promise<YieldRow[]> {
    return this.#all(YieldRow, `SELECT *, ${span} AS at FROM yield_${span}s WHERE attempted <> 0`);
  }

  runs(span: Span): Promise<RunsRow[]> {
    return this.#all(RunsRow, `SELECT *, ${span} AS at FROM run_${span}s WHERE runs <> 0`);
  }

  /** Any other table that a check needs, in its own shape. */
  select<T extends z.ZodType>(shape: T, text: string): Promise<z.output<T>[]> {
    return this.#all(shape, text);
  }

  async #all<T extends z.ZodType>(shape: T, text: string, values: readonly unknown[] = []): Promise<z.output<T>[]> {
    const { rows } = await this.#client.query(text, [...values]);
    return z.array(shape).parse(rows);
  }
}
