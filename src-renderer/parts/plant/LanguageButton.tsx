import Translate from '@mui/icons-material/Translate';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import { LANGUAGES } from '../../stores/settings-store.ts';
import { LANGUAGE_NAMES } from '../i18n.ts';
import { usePlantSettings } from './plant-context.ts';

export function LanguageButton() {
  const { t } = useTranslation();
  const [settings, change] = usePlantSettings();
  const other = LANGUAGES.find((language) => language !== settings.language) ?? settings.language;
  return (
    <Button
      data-part="language"
      aria-label={`${t('language.switch')}: ${LANGUAGE_NAMES[other]}`}
      startIcon={<Translate />}
      lang={other}
      onClick={() => change({ language: other })}
    >
      {LANGUAGE_NAMES[other]}
    </Button>
  );
}
