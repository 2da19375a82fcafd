import { useTranslation } from 'react-i18next';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { More } from '../../parts/plant/More.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { Table } from '../../parts/plant/Table.tsx';
import { useAskPages } from '../../parts/plant/use-ask-pages.ts';
import { Moment } from '../../parts/plant/words.tsx';

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
                  { key: 'action', head: t('audit.action'), render: ({ action }) => <code>{action}</code> },
                  { key: 'object', head: t('audit.object'), render: ({ object }) => object },
                  {
                    key: 'detail',
                    head: t('audit.detail'),
                    render: ({ detail }) =>
                      Object.entries(detail)
                        .map(([name, value]) => `${name}: ${value}`)
                        .join(' · '),
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
