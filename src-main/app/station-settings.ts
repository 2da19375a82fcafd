import type { Clock } from '#shared/base/clock.ts';
import { type Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import type { ReleaseRole } from '#shared/model/recipe.ts';
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

/** Where a setting is kept that is not in the log. Both may throw. */
export interface SettingPlace {
  /** Who said it is null where nobody did, or nobody knows. */
  read(): { readonly text: string; readonly by: string | null; readonly at: string | null };
  write(change: SettingChange): void;
}

export type SettingPlaces = Readonly<Partial<Record<SettingName, SettingPlace>>>;

/** One setting as it is: its text, and who changed it last. */
export interface SettingState {
  readonly text: string;
  readonly by: string | null;
  readonly at: string | null;
}

/** What the log alone knows: a setting that is kept elsewhere is asked for where it counts. */
export type LoggedValues = Omit<SettingValues, 'release.unsigned'>;

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
  readonly #places: SettingPlaces;
  #newest: readonly SettingChange[];
  #values: LoggedValues;

  private constructor(store: SettingsStore, places: SettingPlaces, newest: readonly SettingChange[]) {
    this.#store = store;
    this.#places = places;
    this.#newest = newest;
    this.#values = settingValues(textsOf(newest));
  }

  /** Without places it reads, and changes, what is in the log. */
  static async open(store: SettingsStore, places: SettingPlaces = {}): Promise<StationSettings> {
    return new StationSettings(store, places, await store.newest());
  }

  get values(): LoggedValues {
    return this.#values;
  }

  /** As it would be typed. Throws what its place does. */
  state(name: SettingName): SettingState {
    const place = this.#places[name];
    if (place) return place.read();
    const last = this.#newest.find((change) => change.name === name);
    const text = settingTexts(textsOf(this.#newest))[name];
    return { text, by: last?.by ?? null, at: last?.at ?? null };
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
    const change = { name, value: text, by: await whoMay(name, SETTINGS[name].roles, changer), at: changer.at };
    // First where it counts: what the log says of it was done.
    this.#places[name]?.write(change);
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
export async function whoMay(
  setting: string,
  roles: readonly ReleaseRole[],
  { account, plant, badge }: Changer,
): Promise<string> {
  if (plant === undefined) return account;
  const { name, roles: has } = plant.holderOf(await badge(roles));
  if (roles.some((role) => has.includes(role))) return name;
  throw new FlashlineError('setting-no-role', { params: { name, setting, roles: roles.join(', ') } });
}

function textsOf(newest: readonly SettingChange[]): Record<string, string> {
  return Object.fromEntries(newest.map(({ name, value }) => [name, value]));
}
