import './schemas-without-eval.ts';
import CssBaseline from '@mui/material/CssBaseline';
import { ThemeProvider } from '@mui/material/styles';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { keepConnected } from '../client/connection.ts';
import { chooseTransport } from '../client/transport.ts';
import { createI18n } from '../parts/i18n.ts';
import { Sounds } from '../parts/sounds.ts';
import { StationContext } from '../parts/station-context.ts';
import { createStationTheme } from '../parts/theme.ts';
import { StationScreens } from '../screens/StationScreens.tsx';
import { announce } from '../stores/announce.ts';
import { createPageStore } from '../stores/page-store.ts';
import { createSettingsStore } from '../stores/settings-store.ts';
import { createStationModel } from '../stores/station-store.ts';

const settings = createSettingsStore(localStorage, navigator.language);
const model = createStationModel();
const page = createPageStore();
const sounds = new Sounds();
const i18n = await createI18n(settings.getState().language);

document.documentElement.lang = settings.getState().language;
settings.subscribe(({ language }) => {
  document.documentElement.lang = language;
  void i18n.changeLanguage(language);
});
for (const first of ['keydown', 'pointerdown'] as const)
  document.addEventListener(first, () => sounds.unlock(), { capture: true });
announce(model.store, (what) => {
  if (settings.getState().sound) sounds.play(what);
});
model.store.subscribe(({ station }, before) => {
  if (station !== before.station) settings.goBy(station?.screen);
});
void keepConnected(chooseTransport(), model.listener, new AbortController().signal);

const root = document.getElementById('root');
if (root === null) throw new TypeError('the page has no #root');
createRoot(root).render(
  <ThemeProvider theme={createStationTheme()}>
    <CssBaseline />
    <I18nextProvider i18n={i18n}>
      <StationContext value={{ model, settings, page }}>
        <StationScreens />
      </StationContext>
    </I18nextProvider>
  </ThemeProvider>,
);
