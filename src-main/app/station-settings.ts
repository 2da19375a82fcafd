import type { Clock } from '#shared/base/clock.ts';
import { type Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import {
  isSettingText,
  type SettingName,
  settingName,
  settingNames,
  SETTINGS,
  settingTexts,
  type SettingValues,
  settingValues,
} from '#shared/model/settings.ts';
import type { SettingChange, SettingsStore } from '../log/settings-store.ts';
import type { PlantRules } from '../station/plant-rules.ts';

/** Another process may change them: a command, while the app shows the station. */
const LOOK_MS = 2000;

/** Who asks for a change. */
export interface Changer {
  /** The account that this program runs under. */
  readonly account: string;
  /** Left out at a station without a plant: it knows nobody's badge. */
  readonly plant?: Pick<PlantRules, 'holderOf'>;
  /** Asked for where there is a plant. */
  readonly badge: (roles: readonly string[]) => Promise<string>;
  /** UTC, ISO 8601. */
  readonly at: string;
}

/** The station's settings as they are now, and how they are changed. */
export class StationSettings {
  readonly #store: SettingsStore;
  #newest: readonly SettingChange[];
  #values: SettingValues;

  private constructor(store: SettingsStore, newest: readonly SettingChange[]) {
    this.#store = store;
    this.#newest = newest;
    this.#values = settingValues(textsOf(newest));
  }

  static async open(store: SettingsStore): Promise<StationSettings> {
    return new StationSettings(store, await store.newest());
  }

  get values(): SettingValues {
    return this.#values;
  }

  /** As they would be typed. */
  texts(): Readonly<Record<SettingName, string>> {
    return settingTexts(textsOf(this.#newest));
  }

  /** Null: it was never changed. */
  lastChange(name: SettingName): SettingChange | null {
    return this.#newest.find((change) => change.name === name) ?? null;
  }

  changes(name: SettingName, limit: number): Promise<readonly SettingChange[]> {
    return this.#store.changes(name, limit);
  }

  /** True when something is not as it was. */
  async refresh(): Promise<boolean> {
    const newest = await this.#store.newest();
    const isSame = JSON.stringify(newest) === JSON.stringify(this.#newest);
    this.#newest = newest;
    if (!isSame) this.#values = settingValues(textsOf(newest));
    return !isSame;
  }

  /** Looks for changes of other processes until the signal aborts. Never rejects. */
  async watch(clock: Clock, changed: () => void, warn: (failure: Failure) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await clock.sleep(LOOK_MS, signal);
        if (await this.refresh()) changed();
      } catch (thrown) {
        if (!signal.aborted) warn(toFailure(thrown));
      }
    }
  }

  /** Throws `setting-value`, `setting-no-role`, or what keeps the badge from being known. */
  async set(name: SettingName, text: string, changer: Changer): Promise<SettingChange> {
    requireSettingText(name, text);
    const change = { name, value: text, by: await whoMay(name, changer), at: changer.at };
    await this.#store.change(change);
    await this.refresh();
    return change;
  }
}

/** Throws `setting-unknown`. */
export function requireSetting(text: string): SettingName {
  const name = settingName(text);
  if (name !== undefined) return name;
  throw new FlashlineError('setting-unknown', { params: { name: text, known: settingNames.join(', ') } });
}

/** Throws `setting-value`. */
export function requireSettingText(name: SettingName, text: string): void {
  if (isSettingText(name, text)) return;
  const { allowed, unit } = SETTINGS[name];
  const range = unit === undefined ? allowed : `${allowed} (${unit})`;
  throw new FlashlineError('setting-value', { params: { name, value: text, allowed: range } });
}

/** Where the plant knows people, a badge says who it is; else whoever has the station's account and its files. */
async function whoMay(setting: SettingName, { account, plant, badge }: Changer): Promise<string> {
  if (plant === undefined) return account;
  const { roles } = SETTINGS[setting];
  const { name, roles: has } = plant.holderOf(await badge(roles));
  if (roles.some((role) => has.includes(role))) return name;
  throw new FlashlineError('setting-no-role', { params: { name, setting, roles: roles.join(', ') } });
}

function textsOf(newest: readonly SettingChange[]): Record<string, string> {
  return Object.fromEntries(newest.map(({ name, value }) => [name, value]));
}
