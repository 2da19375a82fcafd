import type { Database } from '#plant/database/database.ts';
import { createIngest, type Ingest } from '#plant/ingest/ingest.ts';
import { newSigner } from '../plant-chain.ts';
import { keyringOf } from '../plant/plant-in-memory.ts';

/** What the suites of this folder try, on PGlite and on PostgreSQL alike. */
export interface SuitePlant {
  readonly database: Database;
  readonly ingest: Ingest;
  /** Forgets all records. */
  readonly empty: () => Promise<void>;
}

/** `asOwner` runs SQL that the server itself may not. */
export async function suitePlant(database: Database, asOwner: (sql: string) => Promise<unknown>): Promise<SuitePlant> {
  const signer = await newSigner();
  const keyring = keyringOf(signer);
  const tables =
    'chains, records, links, chain_gaps, units, marks, yield_hours, yield_days, run_hours, run_days, findings';
  return {
    database,
    ingest: createIngest({ database, keyring }),
    empty: async () => {
      await asOwner(`TRUNCATE ${tables}`);
    },
  };
}
