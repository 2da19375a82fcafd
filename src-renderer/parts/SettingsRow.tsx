import PlayCircle from '@mui/icons-material/PlayCircle';
import Translate from '@mui/icons-material/Translate';
import VolumeOff from '@mui/icons-material/VolumeOff';
import VolumeUp from '@mui/icons-material/VolumeUp';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import { LANGUAGES } from '../stores/settings-store.ts';
import { LANGUAGE_NAMES } from './i18n.ts';
import { useActions, useSettings } from './station-context.ts';

/** Three switches that say in words what they are at. */
export function SettingsRow({ autoStart }: { readonly autoStart: boolean }) {
  const { t } = useTranslation();
  const actions = useActions();
  const [settings, change] = useSettings();
  const other = LANGUAGES.find((language) => language !== settings.language) ?? settings.language;
  const onOff = (on: boolean): string => t(on ? 'setting.on' : 'setting.off');
  return (
    <Box sx={{ display: 'grid', gridTemplateColumns: '1fr 1fr 1fr', gap: '0.375rem' }}>
      <SettingButton
        part="auto-start"
        pressed={autoStart}
        onClick={() => void actions.setAutoStart(!autoStart)}
        icon={<PlayCircle />}
        name={t('setting.auto_start')}
        value={onOff(autoStart)}
      />
      <SettingButton
        part="sound"
        pressed={settings.sound}
        onClick={() => change({ sound: !settings.sound })}
        icon={settings.sound ? <VolumeUp /> : <VolumeOff />}
        name={t('setting.sound')}
        value={onOff(settings.sound)}
      />
      <SettingButton
        part="language"
        onClick={() => change({ language: other })}
        icon={<Translate />}
        name={t('language.switch')}
        value={LANGUAGE_NAMES[other]}
      />
    </Box>
  );
}

interface SettingButtonProps {
  readonly part: string;
  readonly pressed?: boolean;
  readonly onClick: () => void;
  readonly icon: React.ReactNode;
  readonly name: string;
  readonly value: string;
}

function SettingButton({ part, pressed, onClick, icon, name, value }: SettingButtonProps) {
  return (
    <Button
      data-part={part}
      color="inherit"
      variant="outlined"
      aria-pressed={pressed}
      onClick={onClick}
      sx={{ flexDirection: 'column', p: '0.25rem', fontSize: '0.8125rem', fontWeight: 400, minWidth: 0 }}
    >
      {icon}
      <span>{name}</span>
      <b>{value}</b>
    </Button>
  );
}
