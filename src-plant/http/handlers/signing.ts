import type { SigningDesk } from '../../signing/signing-desk.ts';
import { type Handlers, personOf, scopeOf, stationOf } from '../handlers.ts';

type SigningCall = 'station.sign' | 'station.issue' | 'key.list' | 'key.policy' | 'key.signatures';

export function signingHandlers({ keys }: { readonly keys: SigningDesk }): Handlers<SigningCall> {
  return {
    'station.sign': ({ body }, context) => keys.sign(body, { station: stationOf(context).name, now: context.now }),
    'station.issue': ({ body }, context) => keys.issue(body, { station: stationOf(context).name, now: context.now }),
    'key.list': (_request, context) => keys.list(scopeOf(context)),
    'key.policy': ({ params, body }, context) =>
      keys.changePolicy(params.name, body, { who: personOf(context).name, now: context.now }),
    'key.signatures': ({ params, query }, context) => keys.made(params.name, { ...query, scope: scopeOf(context) }),
  };
}
