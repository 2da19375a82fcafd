import { join } from 'node:path';
import type { Failure } from '#shared/model/failure.ts';
import type { PlantRules } from '../station/plant-rules.ts';
import { StationRules } from '../sync/station-rules.ts';
import { Sync } from '../sync/sync.ts';
import { realClock, realRandom, type Stores } from './compose-home.ts';
import type { StationKey } from './compose-key.ts';

export interface SyncComposition {
  readonly stores: Pick<Stores, 'plant' | 'outbox' | 'safety'>;
  readonly key: StationKey;
  readonly appVersion: string;
  /** What the station flashes; asked at every visit. */
  readonly release: () => { readonly digest: string; readonly product: string } | null;
  readonly warn: (failure: Failure) => void;
}

/** The plant's link, at rest: whoever shows a station starts its visits. Close it before the stores. */
export function openSync({ stores, key, appVersion, release, warn }: SyncComposition): Promise<Sync> {
  return Sync.open({
    store: stores.plant,
    outbox: stores.outbox,
    gaps: stores.safety,
    signer: () => key.signer(),
    clock: realClock,
    random: realRandom,
    appVersion,
    release,
    warn,
  });
}

/** Where releases that came from the plant are. */
export function releasesFolder(home: string): string {
  return join(home, 'releases');
}

/** What the plant asks of this station. `changed`: what is shown of its orders is not true any more. */
export async function openPlantRules(
  sync: Sync,
  stores: Pick<Stores, 'plant'>,
  { fromPlant, changed }: { readonly fromPlant: boolean; readonly changed: () => void },
): Promise<PlantRules & { close(): void }> {
  return StationRules.open({ sync, store: stores.plant, clock: realClock, random: realRandom, fromPlant, changed });
}
