import type { StationState } from '#shared/contract/station.ts';
import type { ReleaseFacts } from './engine.ts';
import type { StationOptions } from './options.ts';

type Shown = Pick<NonNullable<StationState['release']>, 'unsigned'>;

/** What the screens say of a release that nobody signed, before a board is started; nothing on the bench, which runs all. */
export function unsignedState(
  { signedBy }: Pick<ReleaseFacts, 'signedBy'>,
  { mode, unsigned }: Pick<StationOptions, 'mode' | 'unsigned'>,
): Shown {
  return signedBy === 'unsigned' && mode === 'probes' && unsigned ? { unsigned: { ...unsigned() } } : {};
}
