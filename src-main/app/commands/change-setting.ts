import type { SettingName } from '#shared/model/settings.ts';
import type { SettingChange } from '../../log/settings-store.ts';
import { homeFolder, realClock, type Stores, workplace } from '../compose-home.ts';
import { unsignedPlace } from '../compose-release.ts';
import { openPlantRules } from '../compose-sync.ts';
import { type Changer, StationSettings } from '../station-settings.ts';
import type { CliContext } from './command.ts';
import { badgeOf } from './lock-badge.ts';
import { withSync } from './with-sync.ts';

export function openSettings({ settings }: Pick<Stores, 'settings'>, { env }: CliContext): Promise<StationSettings> {
  return StationSettings.open(settings, { 'release.unsigned': unsignedPlace(homeFolder(env)) });
}

/** Who may is asked here, where the plant's people are known, and not where the change was typed. */
export function changeSetting(name: SettingName, text: string, context: CliContext): Promise<SettingChange> {
  return withSync(context, async (sync, _home, stores) => {
    const rules = await openPlantRules(sync, stores, { fromPlant: false, changed: () => undefined });
    try {
      const settings = await openSettings(stores, context);
      const changer: Changer = {
        account: workplace().operator,
        ...(sync.book === null ? {} : { plant: rules }),
        badge: (roles) => badgeOf(roles, context),
        at: new Date(realClock.now()).toISOString(),
      };
      return await settings.set(name, text, changer);
    } finally {
      rules.close();
    }
  });
}
