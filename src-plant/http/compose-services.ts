import type { RandomBytes } from '#shared/base/clock.ts';
import { createPasswords, type PasswordCost } from '../accounts/password.ts';
import { createSignInGuard } from '../accounts/sign-in-guard.ts';
import { createSignIn } from '../accounts/sign-in.ts';
import { createStationSessions } from '../accounts/station-sessions.ts';
import { createStations } from '../accounts/stations.ts';
import { createUserSessions } from '../accounts/user-sessions.ts';
import { createUsers } from '../accounts/users.ts';
import { poolReport } from '../catalog/pool-report.ts';
import { listPools } from '../catalog/pools.ts';
import { recover } from '../catalog/recovery.ts';
import type { PlantCommands } from '../commands/commands.ts';
import type { Database } from '../database/database.ts';
import type { Desk } from '../desk/desk.ts';
import { type DeskServices, localDesk } from '../desk/local-desk.ts';
import { createIngest } from '../ingest/ingest.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { accountHandlers, type AccountServices, sessionHandlers } from './handlers/accounts.ts';
import { catalogHandlers } from './handlers/catalog.ts';
import { commandHandlers } from './handlers/commands.ts';
import { ingestHandlers } from './handlers/ingest.ts';
import { traceHandlers } from './handlers/trace.ts';
import { yieldHandlers } from './handlers/yield.ts';
import { signingHandlers } from './handlers/signing.ts';
import { createSigningDesk, type SigningDesk } from '../signing/signing-desk.ts';
import type { KeyStores } from '../signing/key-stores.ts';
import type { SigningCounts } from '../signing/signing-counts.ts';
import type { AllHandlers } from './session-context.ts';
import { spkiOf } from './tls.ts';
import type { TlsKeeper } from './tls-keeper.ts';

export interface ServiceParts {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly tls: TlsKeeper | null;
  readonly random: RandomBytes;
  readonly now: () => Date;
  readonly name: string;
  readonly version: string;
  /** The name of the OpenID provider; null without one. */
  readonly oidc: string | null;
  readonly passwordCost?: PasswordCost | undefined;
  /** Where signing keys are. */
  readonly stores: KeyStores;
  readonly signingCounts: SigningCounts;
  /** What it makes for units by programs of its own. */
  readonly commands: PlantCommands;
}

export interface Services extends AccountServices {
  readonly desk: Desk;
  readonly keys: SigningDesk;
  readonly commands: PlantCommands;
}

export function composeServices(parts: ServiceParts): Services {
  const { database, keyring, tls, random, now, name, version, oidc, commands } = parts;
  const { publicKey } = keyring.signer;
  const passwords = createPasswords(random, parts.passwordCost);
  const userSessions = createUserSessions(database, random);
  const users = createUsers({ database, passwords, sessions: userSessions });
  const tlsSpki = () => (tls?.current.own === true ? spkiOf(tls.current) : null);
  const stations = createStations({ database, random, plantKey: publicKey, tlsSpki });
  const keys = createSigningDesk({ database, random, stores: parts.stores, counts: parts.signingCounts });
  return {
    database,
    users,
    userSessions,
    stations,
    stationSessions: createStationSessions(database, keyring, random),
    signIn: createSignIn({ database, passwords, guard: createSignInGuard(database), sessions: userSessions }),
    plant: { name, version, publicKey },
    oidc,
    keys,
    commands,
    desk: localDesk({
      users,
      stations,
      keys,
      commands,
      pools: poolsOf(database),
      now,
      recover: (act) => recover(database, act),
    }),
  };
}

/** Whoever has the command line sees every product's. */
function poolsOf(database: Database): DeskServices['pools'] {
  return {
    list: () => listPools(database, null),
    report: (id, page) => poolReport(database, id, { ...page, scope: null }),
  };
}

/** One for every call of the contract. */
export function composeHandlers(services: Services, { keyring, random }: ServiceParts): AllHandlers {
  const { database, stations, plant } = services;
  return {
    ...accountHandlers(services),
    ...sessionHandlers(services),
    ...ingestHandlers({ ingest: createIngest({ database, keyring }), publicKeyOf: stations.publicKeyOf }),
    ...traceHandlers({ database, keyring, random, plant: plant.name }),
    ...catalogHandlers({ database, keyring, random }),
    ...yieldHandlers({ database }),
    ...signingHandlers(services),
    ...commandHandlers(services),
  };
}
