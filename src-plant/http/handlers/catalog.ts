import type { RandomBytes } from '#shared/base/clock.ts';
import { admit } from '../../catalog/admission.ts';
import type { Act } from '../../catalog/act.ts';
import { leaseNumbers, returnLease } from '../../catalog/leases.ts';
import { closeOrder, createOrder, listOrders } from '../../catalog/orders.ts';
import { poolReport } from '../../catalog/pool-report.ts';
import { createPool, listPools } from '../../catalog/pools.ts';
import {
  approveRelease,
  listReleases,
  packageOf,
  publishRelease,
  uploadRelease,
  withdrawRelease,
} from '../../catalog/releases.ts';
import { takeReport } from '../../catalog/station-report.ts';
import type { Database } from '../../database/database.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import { type CallContext, type Handlers, personOf, scopeOf, stationOf } from '../handlers.ts';

export interface CatalogServices {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly random: RandomBytes;
  /** How long a station may work without hearing from the plant; default 7. */
  readonly leaseDays?: number;
  /** How long a block of numbers may be taken from; default 30. */
  readonly numberLeaseDays?: number;
}

type ReleaseCall = 'release.list' | 'release.upload' | 'release.approve' | 'release.publish' | 'release.withdraw';
type PlanCall = 'order.list' | 'order.create' | 'order.close' | 'pool.list' | 'pool.report' | 'pool.create';
type StationCall =
  | 'station.report'
  | 'station.lease'
  | 'station.return-lease'
  | 'station.release'
  | 'station.admission';

/** What stations work by, and how they get it. */
export function catalogHandlers(services: CatalogServices): Handlers<ReleaseCall | PlanCall | StationCall> {
  return { ...releaseHandlers(services), ...planHandlers(services), ...stationHandlers(services) };
}

function actOf(context: CallContext): Act {
  return { who: personOf(context).name, now: context.now, scope: scopeOf(context) };
}

function releaseHandlers({ database }: CatalogServices): Handlers<ReleaseCall> {
  return {
    'release.list': (_request, context) => listReleases(database, scopeOf(context)),
    'release.upload': ({ body }, context) => uploadRelease(database, body, actOf(context)),
    'release.approve': ({ params }, context) => approveRelease(database, params.digest, actOf(context)),
    'release.publish': ({ params }, context) => publishRelease(database, params.digest, actOf(context)),
    'release.withdraw': ({ params, body }, context) =>
      withdrawRelease(database, params.digest, body.reason, actOf(context)),
  };
}

function planHandlers({ database }: CatalogServices): Handlers<PlanCall> {
  return {
    'order.list': (_request, context) => listOrders(database, scopeOf(context)),
    'order.create': ({ body }, context) => createOrder(database, body, actOf(context)),
    'order.close': ({ params }, context) => closeOrder(database, params.name, actOf(context)),
    'pool.list': (_request, context) => listPools(database, scopeOf(context)),
    'pool.report': ({ params, query }, context) =>
      poolReport(database, params.id, { ...query, scope: scopeOf(context), now: context.now }),
    'pool.create': ({ body }, context) => createPool(database, body, actOf(context)),
  };
}

function stationHandlers(services: CatalogServices): Handlers<StationCall> {
  const { database, keyring, random, leaseDays = 7, numberLeaseDays = 30 } = services;
  const { signer } = keyring;
  return {
    'station.report': async ({ body }, context) => ({
      document: await takeReport({ database, signer, leaseDays }, stationOf(context).name, body, context.now),
      now: context.now.toISOString(),
    }),
    'station.lease': async ({ body: { pool, key } }, context) => {
      const wanted = { station: stationOf(context).name, pool, key, now: context.now };
      return { lease: await leaseNumbers({ database, signer, random, days: numberLeaseDays }, wanted) };
    },
    'station.return-lease': async ({ params, body }, context) => {
      await returnLease(database, { ...params, ...body, station: stationOf(context).name, now: context.now });
      return {};
    },
    'station.release': ({ params }) => packageOf(database, params.digest),
    'station.admission': ({ body }) => admit(database, body),
  };
}
