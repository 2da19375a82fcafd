import { Fragment } from 'react';
import { useTranslation } from 'react-i18next';
import { Sha256 } from '#shared/contract/plant/common.ts';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { More } from '../../parts/plant/More.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { Table } from '../../parts/plant/Table.tsx';
import { useAskPages } from '../../parts/plant/use-ask-pages.ts';
import { Hash, Moment } from '../../parts/plant/words.tsx';

/** Who did what, newest first. */
export function AuditPage() {
  const { t } = useTranslation();
  const asked = useAskPages('audit.list', {});
  return (
    <Page title={t('page.audit')} next={t('audit.next')}>
      <Loaded of={asked}>
        {({ pages }) => {
          const entries = pages.flatMap((page) => page.entries);
          if (entries.length === 0) return <Nothing>{t('audit.nothing')}</Nothing>;
          return (
            <>
              <Table
                name={t('page.audit')}
                rows={entries}
                keyOf={({ id }) => id}
                columns={[
                  { key: 'at', head: t('word.when'), render: ({ at }) => <Moment at={at} /> },
                  { key: 'who', head: t('audit.who'), render: ({ who }) => <b>{who}</b> },
                  { key: 'action', head: t('audit.action'), render: ({ action }) => <What action={action} /> },
                  { key: 'object', head: t('audit.object'), render: ({ object }) => <Value of={object} /> },
                  {
                    key: 'detail',
                    head: t('audit.detail'),
                    render: ({ detail }) =>
                      Object.entries(detail)
                        .filter(([, value]) => value !== '')
                        .map(([name, value], index) => (
                          <Fragment key={name}>
                            {index > 0 && ' · '}
                            {name}: <Value of={value} />
                          </Fragment>
                        )),
                  },
                ]}
              />
              <More of={asked} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

/** In words, and the name that scripts look for under the pointer. One that this page has no words for is shown as it is. */
function What({ action }: { readonly action: string }) {
  const { t } = useTranslation();
  return (
    <span title={action} data-action={action} style={{ whiteSpace: 'nowrap' }}>
      {t(`audit.did_${action.replace('.', '-')}`, { defaultValue: action })}
    </span>
  );
}

function Value({ of }: { readonly of: string }) {
  return Sha256.safeParse(of).success ? <Hash value={of} /> : of;
}
