import type { PublicKey } from '#shared/base/signer.ts';
import type { Ingest } from '../../ingest/ingest.ts';
import { type Handlers, stationOf } from '../handlers.ts';

export interface IngestServices {
  readonly ingest: Ingest;
  /** The key that this station enrolled with. */
  readonly publicKeyOf: (station: string) => Promise<PublicKey>;
}

type IngestCalls = 'station.records' | 'station.head' | 'station.own-records';

export function ingestHandlers({ ingest, publicKeyOf }: IngestServices): Handlers<IngestCalls> {
  return {
    'station.records': async ({ body }, context) => {
      const station = stationOf(context).name;
      return ingest.take({ station, publicKey: await publicKeyOf(station) }, body, context.now);
    },
    'station.head': ({ params }, context) => ingest.head(stationOf(context).name, params.chain),
    'station.own-records': ({ params, query }, context) =>
      ingest.ownRecords(stationOf(context).name, params.chain, query),
  };
}
