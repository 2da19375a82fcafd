import { isSimulated } from '#shared/model/unit-record.ts';
import type { RunOpening } from '../log/log.ts';
import type { ReleaseFacts } from './engine.ts';
import type { RunServices } from './options.ts';

export interface RunRequest {
  readonly serial: string;
  readonly slot: string;
  readonly probe: string;
  readonly rework: boolean;
}

/** What is known of a run when it begins. `startedAt` is UTC, ISO 8601. */
export function openingOf(
  run: string,
  { serial, probe, slot, rework }: RunRequest,
  { recipe, chip, digest, images, signedBy }: ReleaseFacts,
  { operator, station, appVersion, plant }: RunServices,
  startedAt: string,
): RunOpening {
  const order = isSimulated({ probe }) ? undefined : plant?.order()?.id;
  return {
    run,
    serial,
    product: recipe.product,
    chip: chip.id,
    release: digest,
    images: images.map(({ role, version, address, size, sha256 }) => ({
      role,
      version,
      address,
      size,
      sha256: { expected: sha256, readBack: null },
    })),
    signingKeys: signedBy !== 'unsigned' && signedBy.by === 'release-key' ? [signedBy.keyId] : [],
    signedBy,
    probe,
    slot,
    operator,
    station,
    appVersion,
    rework,
    startedAt,
    ...(recipe.route ? { process: recipe.route.step } : {}),
    ...(order === undefined ? {} : { order }),
  };
}
