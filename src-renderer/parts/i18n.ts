import { createInstance, type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import failuresEn from '../../resources/locales/en/failures.json' with { type: 'json' };
import screensEn from '../../resources/locales/en/screens.json' with { type: 'json' };
import failuresZh from '../../resources/locales/zh-CN/failures.json' with { type: 'json' };
import screensZh from '../../resources/locales/zh-CN/screens.json' with { type: 'json' };
import type { Language } from '../stores/settings-store.ts';

const RESOURCES = {
  en: { screens: screensEn, failures: failuresEn },
  'zh-CN': { screens: screensZh, failures: failuresZh },
} as const satisfies Record<Language, unknown>;

/** The name of each language in itself. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  en: screensEn.language.name,
  'zh-CN': screensZh.language.name,
};

export async function createI18n(language: Language): Promise<i18n> {
  const instance = createInstance();
  await instance.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: RESOURCES,
    ns: ['screens', 'failures'],
    defaultNS: 'screens',
    interpolation: { escapeValue: false },
  });
  return instance;
}
