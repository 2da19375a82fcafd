import type { RandomBytes } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Database, Sql } from '../../database/database.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import { createLink, listLinks, productsOfLink, revokeLink } from '../../trace/buyer-links.ts';
import { traceForBuyer } from '../../trace/buyer-trace.ts';
import { certifyUnit } from '../../trace/certificate.ts';
import { listFindings, settleFinding } from '../../trace/findings.ts';
import { countUnits, findUnits } from '../../trace/found-units.ts';
import { traceUnit } from '../../trace/unit-trace.ts';
import { verifyCertificate } from '../../trace/verify-certificate.ts';
import { type CallContext, type Handlers, personOf, scopeOf } from '../handlers.ts';

export interface TraceServices {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly random: RandomBytes;
  /** The plant's name, as its certificates give it. */
  readonly plant: string;
}

type TraceCall =
  | 'unit.trace'
  | 'unit.find'
  | 'unit.certificate'
  | 'certificate.verify'
  | 'recall.search'
  | 'finding.list'
  | 'finding.settle'
  | 'buyer-link.list'
  | 'buyer-link.create'
  | 'buyer-link.revoke'
  | 'buyer.trace';

/** What is known of units, and whom it is shown to. */
export function traceHandlers({ database, keyring, random, plant }: TraceServices): Handlers<TraceCall> {
  const issuer = { name: plant, signer: keyring.signer };
  return {
    'unit.trace': async ({ params: { serial } }, context) =>
      found(await traceUnit(database, { serial, scope: scopeOf(context) }), `unit ${serial}`),
    'unit.find': async ({ query: { by, value, ...page } }, context) =>
      findUnits(database, { by, value, scope: scopeOf(context) }, { before: page.before, limit: page.limit }),
    'unit.certificate': async ({ params: { product, serial } }, context) => {
      const scope = scopeOf(context);
      // The same words as for a unit that never was: what is out of scope is not known to exist.
      if (scope !== null && !scope.includes(product)) found([], `a PASS of ${product} ${serial}`);
      return certifyUnit(database, issuer, { product, serial, now: context.now });
    },
    'certificate.verify': async ({ body: { jws, secret } }, context) => {
      const scope = await comparisonScope(database, secret, context);
      return verifyCertificate({ database, keyring, plant }, { text: jws, scope, now: context.now });
    },
    'recall.search': async ({ query: { by, value, product, before, limit } }, context) => {
      const search = { by, value, scope: scopeOf(context, product) };
      const page = await findUnits(database, search, { before, limit });
      return { ...page, total: await countUnits(database, search) };
    },
    'finding.list': ({ query: { open } }, context) => listFindings(database, open === 'true', scopeOf(context)),
    'finding.settle': ({ params: { id }, body: { note } }, context) =>
      settleFinding(database, { id, note, who: personOf(context).name, now: context.now, scope: scopeOf(context) }),
    'buyer-link.list': (_request, context) => listLinks(database, scopeOf(context)),
    'buyer-link.create': ({ body }, context) =>
      createLink(database, random, {
        ...body,
        who: personOf(context).name,
        now: context.now,
        scope: scopeOf(context),
      }),
    'buyer-link.revoke': async ({ params: { id } }, context) => {
      await revokeLink(database, { id, who: personOf(context).name, now: context.now, scope: scopeOf(context) });
      return {};
    },
    'buyer.trace': async ({ body: { secret, serial } }, { now }) =>
      traceForBuyer(database, issuer, { serial, products: await productsOfLink(database, secret, now), now }),
  };
}

/** What somebody may be told beyond what is proven: null for everything, nothing for nobody in particular. */
async function comparisonScope(sql: Sql, secret: string | undefined, context: CallContext) {
  if (context.caller.kind === 'person') return scopeOf(context);
  if (secret === undefined) return [];
  return productsOfLink(sql, secret, context.now);
}

function found<T>(items: T[], what: string): T[] {
  if (items.length === 0) throw new FlashlineError('not-found', { params: { what } });
  return items;
}
