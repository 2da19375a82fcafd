import '../station/schemas-without-eval.ts';
import CssBaseline from '@mui/material/CssBaseline';
import { ThemeProvider } from '@mui/material/styles';
import { QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { API } from '#shared/contract/plant/common.ts';
import { createPlantClient } from '../client/plant-client.ts';
import { PlantContext } from '../parts/plant/plant-context.ts';
import { createPlantI18n } from '../parts/plant/plant-i18n.ts';
import { createPlantTheme } from '../parts/plant/plant-theme.ts';
import { PlantApp } from '../screens/plant/PlantApp.tsx';
import { createPlantQueries } from '../stores/plant-queries.ts';
import { createSettingsStore } from '../stores/settings-store.ts';

const settings = createSettingsStore(localStorage, navigator.language);
const i18n = await createPlantI18n(settings.getState().language);
const client = createPlantClient((...given) => fetch(...given), location.origin);

document.documentElement.lang = settings.getState().language;
settings.subscribe(({ language }) => {
  document.documentElement.lang = language;
  void i18n.changeLanguage(language);
});

const root = document.getElementById('root');
if (root === null) throw new TypeError('the page has no #root');
createRoot(root).render(
  <ThemeProvider theme={createPlantTheme()}>
    <CssBaseline />
    <I18nextProvider i18n={i18n}>
      <QueryClientProvider client={createPlantQueries()}>
        <PlantContext value={{ client, settings }}>
          <PlantApp secret={location.hash.slice(1)} oidcPath={`${API}/oidc/start`} />
        </PlantContext>
      </QueryClientProvider>
    </I18nextProvider>
  </ThemeProvider>,
);
