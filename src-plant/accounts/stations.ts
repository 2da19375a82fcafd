import { z } from 'zod';
import type { RandomBytes } from '#shared/base/clock.ts';
import type { PublicKey } from '#shared/base/signer.ts';
import {
  ENROLMENT_SECRET_BYTES,
  enrolmentDigest,
  plantKeyPart,
  readEnrolmentCode,
  tlsKeyPart,
  writeEnrolmentCode,
} from '#shared/contract/plant/enrolment-code.ts';
import type { PlantStation } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import type { Database, Sql } from '../database/database.ts';
import { CountColumn, TimeOrNull } from '../database/columns.ts';

/** A code is good for a day. */
export const CODE_MS = 24 * 3_600_000;

export interface Stations {
  /** A code for a new station, or for one that gets a new key; its old key works until the code is used. */
  invite(name: string, who: string, now: Date): Promise<{ station: string; code: string; until: string }>;
  /** Throws `enrolment-refused`. */
  enrol(code: string, key: PublicKey, appVersion: string, now: Date): Promise<string>;
  /** Its sessions, codes and key end with this. */
  revoke(name: string, who: string, now: Date): Promise<void>;
  list(): Promise<PlantStation[]>;
  /** The key that it enrolled with. */
  readonly publicKeyOf: (name: string) => Promise<PublicKey>;
}

export interface StationsOptions {
  readonly database: Database;
  readonly random: RandomBytes;
  readonly plantKey: PublicKey;
  /** DER of the SubjectPublicKeyInfo of a TLS certificate that only the code vouches for; else null. */
  readonly tlsSpki: () => Uint8Array | null;
}

export function createStations(options: StationsOptions): Stations {
  const { database } = options;
  return {
    async invite(name, who, now) {
      const secret = options.random(ENROLMENT_SECRET_BYTES);
      const spki = options.tlsSpki();
      const code = writeEnrolmentCode({
        secret,
        plantKey: plantKeyPart(options.plantKey),
        tlsKey: spki === null ? null : tlsKeyPart(spki),
      });
      const until = new Date(now.getTime() + CODE_MS);
      await database.transaction((sql) =>
        storeInvitation(sql, { name, who, now, digest: enrolmentDigest({ secret }), until }),
      );
      return { station: name, code, until: until.toISOString() };
    },
    async enrol(code, key, appVersion, now) {
      const digest = enrolmentDigest(readEnrolmentCode(code));
      return database.transaction((sql) => storeEnrolment(sql, { digest, key, appVersion, now }));
    },
    revoke: (name, who, now) => database.transaction((sql) => storeRevocation(sql, name, who, now)),
    async list() {
      return z.array(StationRow).parse(await database.query(LIST));
    },
    async publicKeyOf(name) {
      const [row] = await database.query('SELECT public_key FROM stations WHERE name = $1', [name], 'station-key');
      const x = row === undefined ? null : Keyed.parse(row).public_key;
      if (x === null) throw new FlashlineError('not-found', { params: { what: name } });
      return { kty: 'OKP', crv: 'Ed25519', x };
    },
  };
}

interface Invitation {
  readonly name: string;
  readonly who: string;
  readonly now: Date;
  readonly digest: string;
  readonly until: Date;
}

async function storeInvitation(sql: Sql, { name, who, now, digest, until }: Invitation): Promise<void> {
  await sql.query(
    `INSERT INTO stations (name, invited_at, invited_by) VALUES ($1, $2, $3)
     ON CONFLICT (name) DO UPDATE SET invited_at = $2, invited_by = $3`,
    [name, now, who],
  );
  // One code at a time: an older one, wherever it lies, opens nothing any more.
  await endCodes(sql, name, now);
  await sql.query('INSERT INTO enrolment_codes (digest, station, until) VALUES ($1, $2, $3)', [digest, name, until]);
  await audit(sql, { at: now, who, action: 'station.invite', object: name });
}

interface Enrolment {
  readonly digest: string;
  readonly key: PublicKey;
  readonly appVersion: string;
  readonly now: Date;
}

const Keyed = z.object({ public_key: z.string().nullable() });
const Invited = z.object({ station: z.string() });

async function storeEnrolment(sql: Sql, { digest, key, appVersion, now }: Enrolment): Promise<string> {
  const [row] = await sql.query(
    `UPDATE enrolment_codes SET used_at = $2 WHERE digest = $1 AND used_at IS NULL AND until > $2 RETURNING station`,
    [digest, now],
  );
  if (row === undefined)
    throw new FlashlineError('enrolment-refused', {
      params: { detail: 'the code is of another plant, was used already, or is older than a day' },
    });
  const { station } = Invited.parse(row);
  await sql.query(
    'UPDATE stations SET public_key = $2, enrolled_at = $3, revoked_at = NULL, app_version = $4 WHERE name = $1',
    [station, key.x, now, appVersion],
  );
  await sql.query('DELETE FROM station_sessions WHERE station = $1', [station]);
  await audit(sql, { at: now, who: station, action: 'station.enrol', object: station, detail: { key: key.x } });
  return station;
}

async function storeRevocation(sql: Sql, name: string, who: string, now: Date): Promise<void> {
  const rows = await sql.query(
    'UPDATE stations SET revoked_at = coalesce(revoked_at, $2) WHERE name = $1 RETURNING name',
    [name, now],
  );
  if (rows.length === 0) throw new FlashlineError('not-found', { params: { what: name } });
  await sql.query('DELETE FROM station_sessions WHERE station = $1', [name]);
  await endCodes(sql, name, now);
  await audit(sql, { at: now, who, action: 'station.revoke', object: name });
}

async function endCodes(sql: Sql, station: string, now: Date): Promise<void> {
  await sql.query('UPDATE enrolment_codes SET used_at = $2 WHERE station = $1 AND used_at IS NULL', [station, now]);
}

/** `records`: of all its chains, links included; a chain's sequence counts them. */
const LIST = `
  SELECT s.*, coalesce(c.records, 0)::bigint AS records
  FROM stations s LEFT JOIN (SELECT station, sum(sequence) AS records FROM chains GROUP BY station) c
    ON c.station = s.name
  ORDER BY s.name`;

const StationRow = z
  .object({
    name: z.string(),
    enrolled_at: TimeOrNull,
    revoked_at: TimeOrNull,
    last_seen_at: TimeOrNull,
    app_version: z.string().nullable(),
    pending: CountColumn.nullable(),
    oldest_at: TimeOrNull,
    skew_ms: z.number().nullable(),
    release: z.string().nullable(),
    lease_until: TimeOrNull,
    records: CountColumn,
  })
  .transform((row): PlantStation => {
    const enrolled = row.enrolled_at === null ? 'invited' : 'enrolled';
    return {
      name: row.name,
      state: row.revoked_at === null ? enrolled : 'revoked',
      enrolledAt: row.enrolled_at,
      lastSeenAt: row.last_seen_at,
      appVersion: row.app_version,
      pending: row.pending,
      oldestAt: row.oldest_at,
      skewMs: row.skew_ms,
      release: row.release,
      leaseUntil: row.lease_until,
      records: row.records,
    };
  });
