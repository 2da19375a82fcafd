import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import { Name } from '#shared/contract/plant/common.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { createPasswords, type PasswordCost } from './accounts/password.ts';
import { createSignInGuard } from './accounts/sign-in-guard.ts';
import { createSignIn } from './accounts/sign-in.ts';
import { createStationSessions } from './accounts/station-sessions.ts';
import { createStations } from './accounts/stations.ts';
import { createUserSessions } from './accounts/user-sessions.ts';
import { createUsers } from './accounts/users.ts';
import type { Database } from './database/database.ts';
import { requireSchema } from './database/migrate.ts';
import { openDatabase } from './database/open-database.ts';
import { RATE_LIMITS, type RateLimits } from './http/authenticate.ts';
import { accountHandlers, sessionHandlers } from './http/handlers/accounts.ts';
import { catalogHandlers } from './http/handlers/catalog.ts';
import { ingestHandlers } from './http/handlers/ingest.ts';
import { traceHandlers } from './http/handlers/trace.ts';
import { yieldHandlers } from './http/handlers/yield.ts';
import { isLoopback } from './http/metrics.ts';
import type { DescribeFailure } from './http/refusal.ts';
import { createServer } from './http/server.ts';
import { ownTls, readTlsFiles, spkiOf, type TlsFiles } from './http/tls.ts';
import { createIngest } from './ingest/ingest.ts';
import { openFileKeyring } from './keyring/file-keyring.ts';
import type { Keyring } from './keyring/keyring.ts';

export interface PlantOptions {
  /** The plant's own folder: its keys, and the database where none is named. */
  readonly folder: string;
  /** Of PostgreSQL; null: PGlite in the folder. */
  readonly database: string | null;
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Of the plant, as certificates give it. */
  readonly name: string;
  readonly version: string;
  /** Where the signing key is kept; null: in the folder. */
  readonly keyFile: string | null;
  /** PEM files; null: a certificate of our own, or none on loopback. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Folder of the built pages; null for none. */
  readonly pages: string | null;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly describe: DescribeFailure;
  /** One line of JSON a call. */
  readonly log: (line: string) => void;
  readonly limits?: Partial<RateLimits>;
  readonly metricsToken?: string | null;
  readonly proxies?: readonly string[];
  readonly passwordCost?: PasswordCost;
}

export interface Plant {
  /** `https://host:port`, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** Takes no more calls, and ends those that go on. */
  close(): Promise<void>;
}

/** Calls that go on may take so long once the server is to close. */
const DRAIN_MS = 10_000;

/** One server process over a database that any number of them share. Throws what keeps it from starting. */
export async function startPlant(options: PlantOptions): Promise<Plant> {
  const { clock, random, host, port } = options;
  const now = () => new Date(clock.now());
  const plantName = nameOf(options.name);
  const keyring = await openFileKeyring({
    file: options.keyFile ?? join(options.folder, 'plant-key.json'),
    now: now(),
    random,
  });
  const tls = await tlsOf(options, now());
  const database = await openDatabase(placeOf(options), { clock });
  try {
    const services = composeServices({ ...options, name: plantName }, { database, keyring, tls });
    const app = await createServer({
      ...services,
      database,
      now,
      tls,
      describe: options.describe,
      limits: { ...RATE_LIMITS, ...options.limits },
      metricsToken: options.metricsToken ?? null,
      proxies: options.proxies ?? [],
      pages: options.pages,
      plant: { name: plantName, version: options.version },
      requireReady: () => requireSchema(database),
      log: options.log,
      extend: async () => undefined,
    });
    await listen(() => app.listen({ host, port }), host, port);
    const bound = (app.server.address() as AddressInfo).port;
    return {
      url: `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${bound}`,
      port: bound,
      close: async () => {
        const hurry = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
        try {
          await app.close();
        } finally {
          clearTimeout(hurry);
          await database.close();
        }
      },
    };
  } catch (thrown) {
    await database.close();
    throw thrown;
  }
}

interface Built {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly tls: TlsFiles | null;
}

function composeServices(options: PlantOptions, { database, keyring, tls }: Built) {
  const { random, name, version } = options;
  const { publicKey } = keyring.signer;
  const passwords = createPasswords(random, options.passwordCost);
  const userSessions = createUserSessions(database, random);
  const stationSessions = createStationSessions(database, keyring, random);
  const stations = createStations({
    database,
    random,
    plantKey: publicKey,
    tlsSpki: () => (tls?.own === true ? spkiOf(tls) : null),
  });
  const accounts = {
    database,
    userSessions,
    stationSessions,
    stations,
    users: createUsers({ database, passwords, sessions: userSessions }),
    signIn: createSignIn({ database, passwords, guard: createSignInGuard(database), sessions: userSessions }),
    plant: { name, version, publicKey },
    oidc: null,
  };
  const handlers = {
    ...accountHandlers(accounts),
    ...sessionHandlers(accounts),
    ...ingestHandlers({ ingest: createIngest({ database, keyring }), publicKeyOf: stations.publicKeyOf }),
    ...traceHandlers({ database, keyring, random, plant: name }),
    ...catalogHandlers({ database, keyring, random }),
    ...yieldHandlers({ database }),
  };
  return { handlers, userSessions, stationSessions };
}

function placeOf({ database, folder }: PlantOptions) {
  return database === null ? { folder: join(folder, 'database') } : { url: database };
}

function nameOf(text: string): string {
  const name = Name.safeParse(text);
  if (name.success) return name.data;
  throw usage(`a plant's name has letters, digits, spaces and . _ + / - and at most 64 of them, not ${text}`);
}

/** Passwords and records cross no network in the clear. */
async function tlsOf({ host, tls, folder, random }: PlantOptions, now: Date): Promise<TlsFiles | null> {
  if (tls !== null) return readTlsFiles(tls.cert, tls.key);
  if (isLoopback(host)) return null;
  const hosts = host === '0.0.0.0' || host === '::' ? [] : [host];
  return ownTls({ folder, hosts, now, random });
}

async function listen(start: () => Promise<unknown>, host: string, port: number): Promise<void> {
  try {
    await start();
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
    if (code === 'EADDRINUSE') throw usage(`port ${port} of ${host} is in use`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') throw usage(`${host} is no address of this computer`);
    if (code === 'EACCES') throw usage(`port ${port} is not for this user`);
    throw thrown;
  }
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
