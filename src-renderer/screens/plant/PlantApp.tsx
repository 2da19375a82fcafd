import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Redirect, Route, Switch } from 'wouter';
import { BUYER_PAGE, VERIFY_PAGE } from '#shared/contract/plant/common.ts';
import type { Person } from '#shared/contract/plant/web-messages.ts';
import { Nothing, Waiting } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { PersonContext, useSession } from '../../parts/plant/plant-context.ts';
import { Problem } from '../../parts/plant/Problem.tsx';
import { pagesFor, PLANT_PAGES, type PlantPageName } from '../../stores/plant-pages.ts';
import { AuditPage } from './AuditPage.tsx';
import { BuyerLinksPage } from './BuyerLinksPage.tsx';
import { BuyerPage } from './BuyerPage.tsx';
import { CertificatePage } from './CertificatePage.tsx';
import { FindingsPage } from './FindingsPage.tsx';
import { FindPage } from './FindPage.tsx';
import { HomePage } from './HomePage.tsx';
import { KeysPage } from './KeysPage.tsx';
import { OrdersPage } from './OrdersPage.tsx';
import { PlantFrame } from './PlantFrame.tsx';
import { PoolsPage } from './PoolsPage.tsx';
import { RecallPage } from './RecallPage.tsx';
import { ReleasesPage } from './ReleasesPage.tsx';
import { SignInPage } from './SignInPage.tsx';
import { StationsPage } from './StationsPage.tsx';
import { TracePage } from './TracePage.tsx';
import { UsersPage } from './UsersPage.tsx';
import { OpenVerifyPage, VerifyPage } from './VerifyPage.tsx';

const PAGES: Readonly<Record<PlantPageName, () => ReactNode>> = {
  home: HomePage,
  trace: TracePage,
  find: FindPage,
  verify: VerifyPage,
  recall: RecallPage,
  releases: ReleasesPage,
  orders: OrdersPage,
  pools: PoolsPage,
  keys: KeysPage,
  stations: StationsPage,
  findings: FindingsPage,
  buyers: BuyerLinksPage,
  users: UsersPage,
  audit: AuditPage,
};

/** Which page stands at which path; `secret` is what the address has behind `#`, for the buyer's page alone. */
export function PlantApp({ secret, oidcPath }: { readonly secret: string; readonly oidcPath: string }) {
  return (
    <Switch>
      <Route path={BUYER_PAGE}>
        <BuyerPage secret={secret} />
      </Route>
      <Route>
        <SignedIn oidcPath={oidcPath} />
      </Route>
    </Switch>
  );
}

function SignedIn({ oidcPath }: { readonly oidcPath: string }) {
  const session = useSession();
  if (session.data !== undefined && session.data !== null) return <Pages person={session.data} />;
  if (session.data === null)
    return (
      <Switch>
        <Route path={VERIFY_PAGE} component={OpenVerifyPage} />
        <Route>
          <SignInPage oidcPath={oidcPath} />
        </Route>
      </Switch>
    );
  if (session.error !== null) return <Problem error={session.error} onRetry={() => void session.refetch()} />;
  return <Waiting />;
}

function Pages({ person }: { readonly person: Person }) {
  const { t } = useTranslation();
  const allowed = pagesFor(person.roles);
  const first = allowed[0];
  return (
    <PersonContext value={person}>
      <PlantFrame>
        <Switch>
          {first !== undefined && first.path !== '/' && (
            <Route path="/">
              <Redirect to={first.path} replace />
            </Route>
          )}
          {allowed.map(({ name, path }) => (
            <Route key={name} path={path} component={PAGES[name]} />
          ))}
          <Route path="/certificate" component={CertificatePage} />
          {PLANT_PAGES.filter((page) => !allowed.includes(page)).map(({ name, path }) => (
            <Route key={name} path={path}>
              <Page title={t(`page.${name}`)} next={t('frame.not_yours')}>
                <Nothing>{t('frame.not_yours_do')}</Nothing>
              </Page>
            </Route>
          ))}
          <Route>
            <Page title={t('frame.no_page')} next={t('frame.no_page_do')}>
              {null}
            </Page>
          </Route>
        </Switch>
      </PlantFrame>
    </PersonContext>
  );
}
