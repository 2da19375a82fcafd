import { createInstance, type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import failuresEn from '../../../resources/locales/en/failures.json' with { type: 'json' };
import plantEn from '../../../resources/locales/en/plant.json' with { type: 'json' };
import screensEn from '../../../resources/locales/en/screens.json' with { type: 'json' };
import failuresZh from '../../../resources/locales/zh-CN/failures.json' with { type: 'json' };
import plantZh from '../../../resources/locales/zh-CN/plant.json' with { type: 'json' };
import screensZh from '../../../resources/locales/zh-CN/screens.json' with { type: 'json' };
import type { Language } from '../../stores/settings-store.ts';

const RESOURCES = {
  en: { plant: plantEn, screens: screensEn, failures: failuresEn },
  'zh-CN': { plant: plantZh, screens: screensZh, failures: failuresZh },
} as const satisfies Record<Language, unknown>;

/** The plant's words, and behind them the station's: verdicts, steps and roles are called the same on both. */
export async function createPlantI18n(language: Language): Promise<i18n> {
  const instance = createInstance();
  await instance.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: RESOURCES,
    ns: ['plant', 'screens', 'failures'],
    defaultNS: 'plant',
    fallbackNS: 'screens',
    interpolation: { escapeValue: false },
  });
  return instance;
}
