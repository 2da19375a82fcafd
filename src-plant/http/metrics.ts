import { isIP } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import { constantTimeEqual } from './constant-time.ts';
import { plantGauges } from './plant-gauges.ts';
import type { PlantCommands } from '../commands/commands.ts';
import type { Sql } from '../database/database.ts';
import type { KeyStores } from '../signing/key-stores.ts';
import type { SigningCounts } from '../signing/signing-counts.ts';
import { commandMetrics } from './command-metrics.ts';
import { signingMetrics } from './signing-metrics.ts';
import type { TlsKeeper } from './tls-keeper.ts';

export interface MetricsParts {
  readonly database: Sql;
  readonly now: () => Date;
  /** Who shows it (`Authorization: Bearer`) may read the metrics; null: whoever is on this computer. */
  readonly token: string | null;
  /** Null: plain HTTP. */
  readonly tls: TlsKeeper | null;
  readonly stores: KeyStores;
  readonly signingCounts: SigningCounts;
  readonly commands: PlantCommands;
}

/** Seconds; a batch of a thousand records is among the long ones. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const Sessions = z.array(z.object({ kind: z.string(), sessions: z.number() }));
const Ingested = z.object({ accepted: z.number() });

/**
 * Prometheus metrics of this process. Labels are names of calls, statuses and kinds: sets that no caller can make grow.
 */
export function serveMetrics(app: FastifyInstance, parts: MetricsParts): void {
  const { database, now, token, tls } = parts;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const labels = ['call', 'status'] as const;
  const registers = [registry];
  const seconds = new Histogram({
    name: 'flashline_request_seconds',
    help: 'Calls by how they ended and how long they took',
    labelNames: labels,
    buckets: BUCKETS,
    registers,
  });
  const records = new Counter({
    name: 'flashline_records_ingested_total',
    help: 'Unit records and links that were new',
    registers,
  });
  sessionGauge(registry, database, now);
  plantGauges(registry, database);
  signingMetrics(registry, parts);
  commandMetrics(registry, parts);
  if (tls !== null) tlsGauges(registry, tls);
  app.addHook('onResponse', async (request, reply) => {
    seconds.observe({ call: callOf(request), status: String(reply.statusCode) }, reply.elapsedTime / 1000);
  });
  app.addHook('preSerialization', async (request, _reply, payload) => {
    if (callOf(request) === 'station.records') records.inc(Ingested.safeParse(payload).data?.accepted ?? 0);
    return payload;
  });
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    if (!mayRead(request, token)) throw new FlashlineError('not-allowed', { params: { roles: 'metrics' } });
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

export function callOf(request: FastifyRequest): string {
  return request.routeOptions.config.call ?? 'other';
}

/** Counted in the database when it is asked for, so that any one process answers for all of them. */
function sessionGauge(registry: Registry, database: Sql, now: () => Date): void {
  const gauge = new Gauge({
    name: 'flashline_sessions',
    help: 'Sessions that go on, over all server processes',
    labelNames: ['kind'] as const,
    registers: [registry],
    async collect() {
      const rows = await database.query(
        `SELECT 'person' AS kind, count(*)::bigint AS sessions FROM user_sessions WHERE until > $1
         UNION ALL SELECT 'station', count(*)::bigint FROM station_sessions WHERE until > $1`,
        [now()],
      );
      for (const { kind, sessions } of Sessions.parse(rows)) this.set({ kind }, sessions);
    },
  });
  gauge.reset();
}

function tlsGauges(registry: Registry, tls: TlsKeeper): void {
  const registers = [registry];
  const until = new Gauge({
    name: 'flashline_tls_certificate_end_seconds',
    help: 'When the TLS certificate that is served ends, in seconds since 1970',
    registers,
    collect() {
      this.set(tls.state.until.getTime() / 1000);
    },
  });
  const refused = new Gauge({
    name: 'flashline_tls_renewal_refused',
    help: '1 while the files of the TLS certificate are not those that are served, because they cannot be',
    registers,
    collect() {
      this.set(tls.state.refused === null ? 0 : 1);
    },
  });
  until.set(tls.state.until.getTime() / 1000);
  refused.set(0);
}

function mayRead(request: FastifyRequest, token: string | null): boolean {
  if (token !== null) return constantTimeEqual(request.headers.authorization ?? '', `Bearer ${token}`);
  return isLoopback(request.ip);
}

export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host.replace(/^::ffff:/, '')) === 4 && host.replace(/^::ffff:/, '').startsWith('127.');
}
