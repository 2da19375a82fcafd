import type { PublicKey } from '#shared/base/signer.ts';
import { readAudit } from '../../audit/read-audit.ts';
import { audit } from '../../audit/audit.ts';
import type { SignIn } from '../../accounts/sign-in.ts';
import type { StationSessions } from '../../accounts/station-sessions.ts';
import type { Stations } from '../../accounts/stations.ts';
import type { UserSessions } from '../../accounts/user-sessions.ts';
import type { Users } from '../../accounts/users.ts';
import type { Database } from '../../database/database.ts';
import { type Handlers, personOf } from '../handlers.ts';
import type { SessionHandlers } from '../session-context.ts';

export interface AccountServices {
  readonly database: Database;
  readonly signIn: SignIn;
  readonly users: Users;
  readonly userSessions: UserSessions;
  readonly stations: Stations;
  readonly stationSessions: StationSessions;
  readonly plant: { readonly name: string; readonly version: string; readonly publicKey: PublicKey };
  /** The name of the OpenID provider; null without one. */
  readonly oidc: string | null;
}

type AccountCall =
  | 'plant.about'
  | 'station.enrol'
  | 'station.challenge'
  | 'station.session'
  | 'station.list'
  | 'station.invite'
  | 'station.revoke'
  | 'user.list'
  | 'user.create'
  | 'user.change'
  | 'audit.list';

/** People, stations and their credentials. */
export function accountHandlers(services: AccountServices): Handlers<AccountCall> {
  const { database, users, stations, stationSessions, plant } = services;
  return {
    'plant.about': async () => ({ ...plant, oidc: services.oidc }),
    'station.enrol': async ({ body: { code, publicKey, appVersion } }, { now }) => ({
      station: await stations.enrol(code, publicKey, appVersion, now),
      plant: { name: plant.name, publicKey: plant.publicKey },
    }),
    'station.challenge': async ({ body: { station } }, { now }) => ({
      challenge: await stationSessions.challenge(station, now),
    }),
    'station.session': ({ body: { answer } }, { now }) => stationSessions.open(answer, now),
    'station.list': () => stations.list(),
    'station.invite': ({ body: { name } }, context) => stations.invite(name, personOf(context).name, context.now),
    'station.revoke': async ({ params: { name } }, context) => {
      await stations.revoke(name, personOf(context).name, context.now);
      return {};
    },
    'user.list': () => users.list(),
    'user.create': ({ body }, context) => users.create(body, personOf(context).name, context.now),
    'user.change': ({ params: { name }, body }, context) =>
      users.change(name, body, personOf(context).name, context.now),
    'audit.list': ({ query }) => readAudit(database, query),
  };
}

/** One's own session. */
export function sessionHandlers({ database, signIn, userSessions }: AccountServices): SessionHandlers {
  return {
    'session.open': async ({ body: { name, password } }, { remote, now, keep }) => {
      const { person, token } = await signIn.byPassword({ name, password, remote, now });
      keep(token);
      return person;
    },
    'session.get': async (_request, context) => {
      const { name, roles, products } = personOf(context);
      return { name, roles: [...roles], products: [...products] };
    },
    'session.close': async (_request, context) => {
      const { token, now, drop } = context;
      const { name } = personOf(context);
      await database.transaction(async (sql) => {
        if (token !== null) await userSessions.close(sql, token);
        await audit(sql, { at: now, who: name, action: 'session.close', object: name });
      });
      drop();
      return {};
    },
    'session.password': async ({ body: { old, password } }, context) => {
      const { remote, now, token } = context;
      const { name } = personOf(context);
      await signIn.changePassword({ name, password: old, next: password, token, remote, now });
      return {};
    },
  };
}
