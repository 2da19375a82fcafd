import { afterAll, beforeAll, describe } from 'vitest';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';
import { ingestSuite } from '#test/support/plant-suites/ingest.ts';
import { ingestGapsSuite } from '#test/support/plant-suites/ingest-gaps.ts';
import { ingestOrderSuite } from '#test/support/plant-suites/ingest-order.ts';
import { type SuitePlant, suitePlant } from '#test/support/plant-suites/suite-plant.ts';
import { yieldReportSuite } from '#test/support/plant-suites/yield-report.ts';

describe('ingest on PGlite', () => {
  let plant: SuitePlant;
  beforeAll(async () => {
    const database = await openMemoryDatabase();
    plant = await suitePlant(database, (sql) => database.query(`RESET ROLE; ${sql}; SET ROLE flashline_app`));
  });
  afterAll(() => plant.database.close());

  ingestSuite(() => plant);
  ingestGapsSuite(() => plant);
  ingestOrderSuite(() => plant);
  yieldReportSuite(() => plant);
});
