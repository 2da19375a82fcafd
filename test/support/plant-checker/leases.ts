import { z } from 'zod';
import type { Fault } from './fault.ts';
import type { PlantRows } from './plant-rows.ts';

const LeaseRow = z.object({
  lease: z.string(),
  pool: z.string(),
  station: z.string(),
  first: z.coerce.number(),
  last: z.coerce.number(),
});

/** A number of a pool is in one lease at most. */
export async function checkLeases(rows: PlantRows): Promise<Fault[]> {
  const leases = await rows.select(LeaseRow, 'SELECT * FROM number_leases ORDER BY pool, first');
  const faults: Fault[] = [];
  const reach = new Map<string, z.output<typeof LeaseRow>>();
  for (const lease of leases) {
    const before = reach.get(lease.pool);
    if (before !== undefined && before.last >= lease.first) {
      const detail = `${lease.first} to ${lease.last} for ${lease.station}, ${before.first} to ${before.last} for ${before.station}`;
      faults.push({ kind: 'lease', where: `pool ${lease.pool}, lease ${lease.lease}`, detail });
    }
    if (before === undefined || before.last < lease.last) reach.set(lease.pool, lease);
  }
  return faults;
}
