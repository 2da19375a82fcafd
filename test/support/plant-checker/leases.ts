import { z } from 'zod';
import type { Fault } from './fault.ts';
import type { PlantRows } from './plant-rows.ts';

const LeaseRow = z.object({
  id: z.string(),
  pool: z.string(),
  kind: z.string(),
  prefix: z.string(),
  digits: z.number(),
  station: z.string(),
  first: z.coerce.number(),
  last: z.coerce.number(),
  next: z.coerce.number(),
  over_at: z.date().nullable(),
});
type LeaseRow = z.infer<typeof LeaseRow>;

const READ = 'SELECT p.kind, p.prefix, p.digits, l.* FROM leases l JOIN pools p ON p.id = l.pool';

/** A number is in one lease at most, also of two pools whose labels read the same. What a station gave back may be leased again. */
export async function checkLeases(rows: PlantRows): Promise<Fault[]> {
  const held = (await rows.select(LeaseRow, READ)).map(holding).filter(({ first, last }) => first <= last);
  const faults: Fault[] = [];
  const furthest = new Map<string, Holding>();
  for (const lease of held.sort((a, b) => a.first - b.first)) {
    const before = furthest.get(lease.labels);
    if (before !== undefined && before.last >= lease.first) faults.push(twice(before, lease));
    if (before === undefined || before.last < lease.last) furthest.set(lease.labels, lease);
  }
  return faults;
}

interface Holding {
  readonly name: string;
  /** What is on a label before its number, and how long the number is. */
  readonly labels: string;
  readonly first: number;
  readonly last: number;
}

/** Of a lease that is over, what was taken of it; a prefix that ends in digits counts to the number. */
function holding({ id, pool, kind, prefix, digits, station, first, last, next, over_at }: LeaseRow): Holding {
  const text = /^(.*?)(\d*)$/s.exec(prefix);
  const [before, led] = [text?.[1] ?? '', text?.[2] ?? ''];
  const offset = kind === 'mac' ? 0 : Number(led) * 10 ** digits;
  return {
    name: `lease ${id} of pool ${pool} for ${station}`,
    labels: kind === 'mac' ? 'mac' : `${before}:${led.length + digits}`,
    first: first + offset,
    last: (over_at === null ? last : next - 1) + offset,
  };
}

function twice(before: Holding, lease: Holding): Fault {
  const detail = `has ${lease.first} to ${lease.last}; ${before.name} has ${before.first} to ${before.last}`;
  return { kind: 'lease', where: lease.name, detail };
}
