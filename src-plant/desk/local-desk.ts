import type { z } from 'zod';
import type { PoolReport } from '#shared/contract/plant/pool-report.ts';
import type { PlantPool } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Stations } from '../accounts/stations.ts';
import type { Users } from '../accounts/users.ts';
import type { PlantCommands, Tried } from '../commands/commands.ts';
import type { SigningDesk } from '../signing/signing-desk.ts';
import { type Desk, type DeskCall, type DeskCalls, deskCalls } from './desk.ts';

export interface DeskServices {
  readonly users: Users;
  readonly stations: Stations;
  readonly keys: SigningDesk;
  readonly commands: PlantCommands;
  readonly pools: {
    list(): Promise<PlantPool[]>;
    report(id: string, page: { readonly before?: string | undefined; readonly now: Date }): Promise<PoolReport>;
  };
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
export function localDesk({ users, stations, keys, commands, pools, recover, now }: DeskServices): Desk {
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
    'pool.list': () => pools.list(),
    'pool.report': ({ id, before }) => pools.report(id, { before, now: now() }),
    'command.list': () => commands.list(),
    'command.uses': ({ name, ...page }) => commands.uses(name, page),
    'command.try': async ({ name, unit }) => triedOf(await commands.try(name, unit, WHO)),
    'command.renew': async ({ name, serial, reason }) => ({ renewed: await commands.renew(name, serial, reason, WHO) }),
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

function triedOf({ ended, sha256 }: Tried): z.input<DeskCalls['command.try']['result']> {
  const { end, ms, said } = ended;
  if (end === 'gave') return { end, ms, said, sha256, detail: null, data: Buffer.from(ended.data).toString('base64') };
  return { end, ms, said, sha256, detail: ended.detail, data: null };
}
