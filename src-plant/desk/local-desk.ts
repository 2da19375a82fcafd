import type { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Stations } from '../accounts/stations.ts';
import type { Users } from '../accounts/users.ts';
import type { SigningDesk } from '../signing/signing-desk.ts';
import { type Desk, type DeskCall, type DeskCalls, deskCalls } from './desk.ts';

export interface DeskServices {
  readonly users: Users;
  readonly stations: Stations;
  readonly keys: SigningDesk;
  readonly recover: (act: {
    readonly who: string;
    readonly now: Date;
    readonly blocks: number;
  }) => Promise<z.input<DeskCalls['plant.recover']['result']>>;
  readonly now: () => Date;
}

/** As the audit log names whoever may use this computer's command line as the plant's own user. */
const WHO = 'command line';

type Work = {
  readonly [K in DeskCall]: (params: z.output<DeskCalls[K]['params']>) => Promise<z.input<DeskCalls[K]['result']>>;
};

/** Straight to the database. */
export function localDesk({ users, stations, keys, recover, now }: DeskServices): Desk {
  const work: Work = {
    'station.invite': ({ name }) => stations.invite(name, WHO, now()),
    'plant.recover': ({ blocks }) => recover({ who: WHO, now: now(), blocks }),
    'user.list': () => users.list(),
    'user.create': (user) => users.create(user, WHO, now()),
    'user.password': ({ name, password }) => users.change(name, { password }, WHO, now()),
    'key.list': () => keys.list(null),
    'key.create': (key) => keys.create(key, { who: WHO, now: now() }),
    'key.certify': ({ name, ...own }) => keys.certify(name, own, { who: WHO, now: now() }),
    'key.certificate': ({ name, pem }) => keys.adoptCertificate(name, pem, { who: WHO, now: now() }),
    'key.policy': ({ name, change }) => keys.changePolicy(name, change, { who: WHO, now: now() }),
  };
  return {
    async call(name, params) {
      const parsed = deskCalls[name].params.safeParse(params);
      // `name` picks the schema and the work alike, which the types of a table cannot say.
      if (parsed.success) return (work[name] as (given: unknown) => Promise<never>)(parsed.data);
      const detail = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
      throw new FlashlineError('usage', { params: { detail } });
    },
  };
}
