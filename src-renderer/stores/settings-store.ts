import { createStore, type StoreApi } from 'zustand/vanilla';

export type Language = 'en' | 'zh-CN';
export const LANGUAGES: readonly Language[] = ['en', 'zh-CN'];

/** This screen's own settings; they stay in this browser. */
export interface Settings {
  readonly language: Language;
  readonly sound: boolean;
}

const KEY = 'flashline.settings';

export function createSettingsStore(storage: Storage, browserLanguage: string): StoreApi<Settings> {
  const store = createStore<Settings>(() => ({
    language: browserLanguage.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en',
    sound: true,
    ...kept(storage),
  }));
  store.subscribe((settings) => storage.setItem(KEY, JSON.stringify(settings)));
  return store;
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
