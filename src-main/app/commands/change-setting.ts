import { type SettingName, SETTINGS } from '#shared/model/settings.ts';
import type { SettingChange } from '../../log/settings-store.ts';
import { homeFolder, realClock, type Stores, workplace } from '../compose-home.ts';
import { unsignedPlace } from '../compose-release.ts';
import { openPlantRules } from '../compose-sync.ts';
import { type Changer, StationSettings, whoMay } from '../station-settings.ts';
import type { CliContext } from './command.ts';
import { badgeOf } from './lock-badge.ts';
import { withSync } from './with-sync.ts';

/** Under which the changes of the trusted keys stand among those of the settings. */
export const RELEASE_KEYS = 'release.keys';

export function openSettings({ settings }: Pick<Stores, 'settings'>, { env }: CliContext): Promise<StationSettings> {
  return StationSettings.open(settings, { 'release.unsigned': unsignedPlace(homeFolder(env)) });
}

export function changeSetting(name: SettingName, text: string, context: CliContext): Promise<SettingChange> {
  return withChanger(context, async (changer, stores) => {
    const settings = await openSettings(stores, context);
    return settings.set(name, text, changer);
  });
}

/** Whose changes of the trusted keys these are. */
export interface KeyChanger {
  readonly by: string;
  /** UTC, ISO 8601. */
  readonly at: string;
}

/**
 * The trusted keys are no setting, but say as much as `release.unsigned` does: the same people change them, and it is kept in the
 * same place. `change` says what it did, in the words that are kept.
 */
export function changeReleaseKeys(
  change: (changer: KeyChanger) => Promise<string>,
  context: CliContext,
): Promise<void> {
  return withChanger(context, async (changer, { settings }) => {
    const by = await whoMay(RELEASE_KEYS, SETTINGS['release.unsigned'].roles, changer);
    const { at } = changer;
    // First where it counts: what the log says of it was done.
    const value = await change({ by, at });
    await settings.change({ name: RELEASE_KEYS, value, by, at });
  });
}

/** Who may is asked here, where the plant's people are known, and not where the change was typed. */
function withChanger<T>(context: CliContext, work: (changer: Changer, stores: Stores) => Promise<T>): Promise<T> {
  return withSync(context, async (sync, _home, stores) => {
    const rules = await openPlantRules(sync, stores, { fromPlant: false, changed: () => undefined });
    try {
      const changer: Changer = {
        account: workplace().operator,
        ...(sync.book === null ? {} : { plant: rules }),
        badge: (roles) => badgeOf(roles, context),
        at: new Date(realClock.now()).toISOString(),
      };
      return await work(changer, stores);
    } finally {
      rules.close();
    }
  });
}
