import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import { Name } from '#shared/contract/plant/common.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { PasswordCost } from './accounts/password.ts';
import {
  adoptKeys,
  claimPlant,
  knownPlantKey,
  noKey,
  KEYS_LOOK_MS,
  KeyWatch,
  readingKeyring,
} from './accounts/plant-identity.ts';
import { createOidc } from './accounts/oidc.ts';
import { type OidcSettings, readOidcFile } from './accounts/oidc-settings.ts';
import { PlantCommands } from './commands/commands.ts';
import { type CommandSettings, readCommandsFile } from './commands/commands-file.ts';
import type { Database } from './database/database.ts';
import { requireSchemaOrNewer } from './database/migrate.ts';
import { type DatabasePlace, migrateDatabase, openDatabase } from './database/open-database.ts';
import { connectDesk, serveDesk } from './desk/desk-socket.ts';
import type { Desk } from './desk/desk.ts';
import { RATE_LIMITS, type RateLimits } from './http/authenticate.ts';
import { composeHandlers, composeServices, type ServiceParts } from './http/compose-services.ts';
import { isLoopback } from './http/metrics.ts';
import { OIDC_CALLBACK } from './http/oidc-routes.ts';
import type { DescribeFailure } from './http/refusal.ts';
import { createServer } from './http/server.ts';
import { ownTls, readTlsFiles, spkiOf, type TlsFiles } from './http/tls.ts';
import { TLS_LOOK_MS, TlsKeeper } from './http/tls-keeper.ts';
import { DevelopmentStore } from './signing/development-store.ts';
import { type HsmSettings, readHsmFile } from './signing/hsm-settings.ts';
import type { KeyStores } from './signing/key-stores.ts';
import { HsmStore } from './signing/pkcs11/hsm-store.ts';
import { SigningCounts } from './signing/signing-counts.ts';
import { openFileKeyring, readFileKeyring } from './keyring/file-keyring.ts';
import { verifyJws } from './keyring/jws.ts';
import type { Keyring } from './keyring/keyring.ts';

export { migrateDatabase, readCommandsFile, readHsmFile, readOidcFile };
export type { Desk };

/** Which plant, and how this computer's part of it is reached. */
export interface PlantPlace {
  /** The plant's own folder: its keys, and the database where none is named. */
  readonly folder: string;
  /** Of PostgreSQL; null: PGlite in the folder. */
  readonly database: string | null;
  readonly host: string;
  /** Of the plant, as certificates give it. */
  readonly name: string;
  readonly version: string;
  /** Where the signing key is kept; null: in the folder. */
  readonly keyFile: string | null;
  /** PEM files; null: a certificate of our own, or none on loopback. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly passwordCost?: PasswordCost;
  /** The embedded database is gone with the process; it begins with what PGlite's own dump holds. */
  readonly inMemory?: Blob;
  /** People sign in by OpenID Connect too. */
  readonly oidc?: OidcSettings | null;
  /** Where keys are that sign firmware and units' data; left out: nowhere. */
  readonly hsm?: HsmSettings | null;
  /** Keys in a file in the folder, which prove nothing. */
  readonly developmentKeys?: boolean;
  /** Programs that make what units are given, by name; left out: none. */
  readonly commands?: ReadonlyMap<string, CommandSettings>;
}

export interface PlantOptions extends PlantPlace {
  /** 0 takes any free one. */
  readonly port: number;
  /** Folder of the built pages; null for none. */
  readonly pages: string | null;
  readonly describe: DescribeFailure;
  /** One line of JSON a call. */
  readonly log: (line: string) => void;
  readonly limits?: Partial<RateLimits>;
  /** Null: only this computer may read the metrics. */
  readonly metricsToken?: string | null;
  /** Addresses of reverse proxies whose X-Forwarded-* headers are believed. */
  readonly proxies?: readonly string[];
}

export interface Plant {
  /** `https://host:port`, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** As the command line has it: how the first admin gets in. */
  readonly desk: Desk;
  /** Takes no more calls, and ends those that go on. */
  close(): Promise<void>;
}

/** Calls that go on may take so long once the server is to close. */
const DRAIN_MS = 10_000;

/** One server process over a database that any number of them share. Throws what keeps it from starting. */
export async function startPlant(options: PlantOptions): Promise<Plant> {
  const closing = new Closing();
  try {
    const parts = await openParts(options, closing, 'server');
    const services = composeServices(parts);
    parts.deskReady(services.desk);
    const app = await createServer({
      ...services,
      ...parts,
      handlers: composeHandlers(services, parts),
      describe: options.describe,
      limits: { ...RATE_LIMITS, ...options.limits },
      metricsToken: options.metricsToken ?? null,
      proxies: options.proxies ?? [],
      pages: options.pages,
      requireReady: async () => {
        await requireSchemaOrNewer(parts.database);
        await parts.keys.look();
      },
      log: options.log,
      openId: options.oidc ? createOidc(options.oidc, parts.keyring, OIDC_CALLBACK) : null,
    });
    const unused = unusedSockets(app, parts.tls !== null);
    closing.add(() => drain(app, unused));
    const { tls, keys } = parts;
    if (tls !== null) closing.add(repeat(options.clock, TLS_LOOK_MS, () => tls.look()));
    // What it finds is told where something is signed, and by /ready.
    closing.add(repeat(options.clock, KEYS_LOOK_MS, () => keys.look().catch(() => undefined)));
    const port = await listen(app, options);
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    const url = `${parts.tls === null ? 'http' : 'https'}://${host}:${port}`;
    return { url, port, desk: services.desk, close: () => closing.run() };
  } catch (thrown) {
    await closing.run();
    throw thrown;
  }
}

/**
 * The plant's desk for one command: that of the server which runs in this folder, else straight to the database. Close it
 * after use.
 */
export async function openDesk(place: PlantPlace): Promise<{ readonly desk: Desk; close(): Promise<void> }> {
  const running = await connectDesk(place.folder);
  if (running !== null) return { desk: running, close: async () => undefined };
  const closing = new Closing();
  try {
    const { desk } = composeServices(await openParts(place, closing, 'desk'));
    return { desk, close: () => closing.run() };
  } catch (thrown) {
    await closing.run();
    throw thrown;
  }
}

/** What was opened, closed in the opposite order; a second run finds nothing left. */
class Closing {
  readonly #steps: (() => Promise<void>)[] = [];

  add(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}

/**
 * After the plant's key was lost or stolen: the key file's newest key is the plant's from now on. Where there is no file one is
 * made. Answers the key (JWK `x`).
 */
export async function adoptPlantKey(place: PlantPlace): Promise<{ readonly publicKey: string }> {
  const closing = new Closing();
  try {
    const now = new Date(place.clock.now());
    await takeFolder(place, closing);
    const database = await openDatabase(databaseOf(place), { clock: place.clock });
    closing.add(() => database.close());
    const keyring = await openFileKeyring({ file: keyFileOf(place), now, random: place.random });
    const tls = await readTls(place, now);
    await adoptKeys(database, { keyring, tlsSpki: ownSpki(tls) }, 'command line', now);
    return { publicKey: keyring.signer.publicKey.x };
  } finally {
    await closing.run();
  }
}

interface Parts extends ServiceParts {
  readonly keys: KeyWatch;
  /** From here on the command line is answered. */
  readonly deskReady: (desk: Desk) => void;
}

async function openParts(place: PlantPlace, closing: Closing, as: 'server' | 'desk'): Promise<Parts> {
  const { clock, random, version, passwordCost } = place;
  const now = () => new Date(clock.now());
  const name = nameOf(place.name);
  const deskReady = await takeFolder(place, closing);
  const database = await openDatabase(databaseOf(place), { clock });
  closing.add(() => database.close());
  const keyring = await keysOf(place, database, as);
  const first = await readTls(place, now());
  const files = { keyring: keyring ?? (await readingKeys(database)), tlsSpki: ownSpki(first) };
  const keys = new KeyWatch(database, files);
  if (keyring !== null) await claimPlant(database, files, now());
  const guarded = keys.guard(files.keyring);
  const settings = place.commands ?? new Map<string, CommandSettings>();
  const commands = new PlantCommands({ database, settings, signer: guarded.signer, random, clock, now });
  closing.add(() => commands.close());
  // The embedded database is this process's alone.
  if (place.database === null) await commands.nobodyElse();
  return {
    database,
    keys,
    keyring: guarded,
    commands,
    tls:
      first === null ? null : new TlsKeeper({ first, now, read: async () => (await readTls(place, now())) ?? first }),
    random,
    now,
    name,
    version,
    oidc: place.oidc?.name ?? null,
    stores: openStores(place, closing),
    signingCounts: new SigningCounts(),
    passwordCost,
    deskReady,
  };
}

/**
 * PGlite bears one process only: whoever has the desk's socket has the database. Over PostgreSQL the first server on this
 * computer has the desk, and others do without.
 */
async function takeFolder({ folder, database }: PlantPlace, closing: Closing): Promise<(desk: Desk) => void> {
  const { promise, resolve } = Promise.withResolvers<Desk>();
  const server = await serveDesk(folder, { call: async (name, params) => (await promise).call(name, params) });
  if (server !== null) closing.add(() => server.close());
  else if (database === null)
    throw new FlashlineError('state-conflict', { params: { detail: `another plant server works in ${folder}` } });
  return resolve;
}

function openStores({ hsm, developmentKeys, folder, clock }: PlantPlace, closing: Closing): KeyStores {
  const stores: KeyStores = {
    ...(hsm ? { hsm: new HsmStore({ settings: hsm, clock }) } : {}),
    ...(developmentKeys === true ? { development: new DevelopmentStore(join(folder, 'development-keys.json')) } : {}),
  };
  for (const store of Object.values(stores)) closing.add(() => store.close());
  return stores;
}

function databaseOf({ database, inMemory, folder }: PlantPlace): DatabasePlace {
  if (database !== null) return { url: database };
  return inMemory === undefined ? { folder: join(folder, 'database') } : { folder: null, content: inMemory };
}

function nameOf(text: string): string {
  const name = Name.safeParse(text);
  if (name.success) return name.data;
  throw usage(`a plant's name has letters, digits, spaces and . _ + / - and at most 64 of them, not ${text}`);
}

function keyFileOf({ keyFile, folder }: PlantPlace): string {
  return keyFile ?? join(folder, 'plant-key.json');
}

/**
 * Made only for a plant that has no key yet. A server without the plant's key is none; whoever works at a desk can do without
 * (null).
 */
async function keysOf(place: PlantPlace, database: Database, as: 'server' | 'desk'): Promise<Keyring | null> {
  const file = keyFileOf(place);
  const known = await knownPlantKey(database);
  const there = await readFileKeyring({ file });
  if (known === null) return there ?? openFileKeyring({ file, now: new Date(place.clock.now()), random: place.random });
  const isPlants = there?.publicKeys.some(({ x }) => x === known.publicKey.x) === true;
  if (as === 'desk') return isPlants ? there : null;
  if (there === null) throw noKey(`there is no key file ${file}, and the plant has a key`);
  return there;
}

async function readingKeys(database: Database): Promise<Keyring> {
  const known = await knownPlantKey(database);
  if (known === null) throw noKey('the plant has none');
  return readingKeyring(known, verifyJws);
}

function ownSpki(tls: TlsFiles | null): Uint8Array | null {
  return tls?.own === true ? spkiOf(tls) : null;
}

/** Returns what ends it. */
function repeat(clock: Clock, ms: number, work: () => Promise<void>): () => Promise<void> {
  const ended = new AbortController();
  const working = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await clock.sleep(ms, ended.signal);
      if (!ended.signal.aborted) await work();
    }
  };
  working().catch((thrown: unknown) => {
    if (!ended.signal.aborted) throw thrown;
  });
  return async () => ended.abort();
}

/** Passwords and records cross no network in the clear. */
async function readTls({ host, tls, folder, random }: PlantPlace, now: Date): Promise<TlsFiles | null> {
  if (tls !== null) return readTlsFiles(tls.cert, tls.key);
  if (isLoopback(host)) return null;
  const hosts = host === '0.0.0.0' || host === '::' ? [] : [host];
  return ownTls({ folder, hosts, now, random });
}

async function listen(app: FastifyInstance, { host, port }: PlantOptions): Promise<number> {
  try {
    await app.listen({ host, port });
    return (app.server.address() as AddressInfo).port;
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
    if (code === 'EADDRINUSE') throw usage(`port ${port} of ${host} is in use`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') throw usage(`${host} is no address of this computer`);
    if (code === 'EACCES') throw usage(`port ${port} is not for this user`);
    throw thrown;
  }
}

/** Connections that browsers open ahead of need: Node does not count one without a request as idle, and would wait for it. */
function unusedSockets({ server }: FastifyInstance, tls: boolean): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));
  return unused;
}

async function drain(app: FastifyInstance, unused: ReadonlySet<Socket>): Promise<void> {
  for (const socket of unused) socket.destroy();
  const hurry = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
  try {
    await app.close();
  } finally {
    clearTimeout(hurry);
  }
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
