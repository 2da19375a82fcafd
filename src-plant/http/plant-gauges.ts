import { Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import type { Sql } from '../database/database.ts';

const Seen = z.array(z.object({ name: z.string(), seen: z.number() }));
const Open = z.tuple([z.object({ open: z.number() })]);

/** What an operator is to be woken for. Labels are stations' names, which only an administrator can add to. */
export function plantGauges(registry: Registry, database: Sql): void {
  const seen = new Gauge({
    name: 'flashline_station_seen_seconds',
    help: 'When a station was last heard from, in seconds since 1970; those that are enrolled',
    labelNames: ['station'] as const,
    registers: [registry],
    async collect() {
      const text = `
        SELECT name, extract(epoch FROM last_seen_at)::float8 AS seen FROM stations
        WHERE last_seen_at IS NOT NULL AND revoked_at IS NULL`;
      this.reset();
      for (const { name, seen } of Seen.parse(await database.query(text))) this.set({ station: name }, seen);
    },
  });
  seen.reset();
  const findings = new Gauge({
    name: 'flashline_findings_open',
    help: 'Findings that nobody has settled yet',
    registers: [registry],
    async collect() {
      const text = 'SELECT count(*)::float8 AS open FROM findings WHERE settled_at IS NULL';
      const [{ open }] = Open.parse(await database.query(text));
      this.set(open);
    },
  });
  findings.set(0);
}
