import type { StationState } from '#shared/contract/station.ts';
import { createStore, type StoreApi } from 'zustand/vanilla';

export type Language = 'en' | 'zh-CN';
export const LANGUAGES: readonly Language[] = ['en', 'zh-CN'];

/** This screen's own settings; they stay in this browser. */
export interface Settings {
  readonly language: Language;
  readonly sound: boolean;
}

const KEY = 'flashline.settings';

export interface SettingsStore extends StoreApi<Settings> {
  /** What the station's settings say, for what nobody chose at this screen. */
  goBy(station: StationState['screen']): void;
}

export function createSettingsStore(storage: Storage, browserLanguage: string): SettingsStore {
  const own: Settings = { language: browserLanguage.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en', sound: true };
  let chosen = kept(storage);
  const store = createStore<Settings>(() => ({ ...own, ...chosen }));
  const choose = (change: Partial<Settings>): void => {
    chosen = { ...chosen, ...change };
    storage.setItem(KEY, JSON.stringify(chosen));
  };
  return {
    ...store,
    setState(change) {
      const before = store.getState();
      store.setState(typeof change === 'function' ? change(before) : change);
      const { language, sound } = store.getState();
      choose({
        ...(language === before.language ? {} : { language }),
        ...(sound === before.sound ? {} : { sound }),
      });
    },
    goBy(station) {
      if (station === undefined) return;
      const { language, sound } = station;
      const next = { language: language === 'auto' ? own.language : language, sound, ...chosen };
      const now = store.getState();
      // The station's state comes many times a second: nothing is drawn anew that is as it was.
      if (next.language !== now.language || next.sound !== now.sound) store.setState(next);
    },
  };
}

/** What an older version or a curious hand left there counts only as far as it makes sense. */
function kept(storage: Storage): Partial<Settings> {
  const found = parse(storage.getItem(KEY) ?? 'null');
  if (typeof found !== 'object' || found === null) return {};
  const language = 'language' in found ? LANGUAGES.find((each) => each === found.language) : undefined;
  return {
    ...(language === undefined ? {} : { language }),
    ...('sound' in found && typeof found.sound === 'boolean' ? { sound: found.sound } : {}),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
