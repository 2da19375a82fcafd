import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { Loaded, Nothing } from './Loaded.tsx';
import { More } from './More.tsx';
import { Table } from './Table.tsx';
import { useAskPages } from './use-ask-pages.ts';
import { Hash, Moment } from './words.tsx';

/** What a key signed, newest first. */
export function KeySignatures({ name }: { readonly name: string }) {
  const { t } = useTranslation();
  const asked = useAskPages('key.signatures', { params: { name } });
  return (
    <section>
      <h2>{t('keys.signatures_of', { name })}</h2>
      <Loaded of={asked}>
        {({ pages }) => {
          const signatures = pages.flatMap((page) => page.signatures);
          if (signatures.length === 0) return <Nothing>{t('keys.no_signatures')}</Nothing>;
          return (
            <>
              <Table
                name={t('keys.signatures_of', { name })}
                rows={signatures}
                keyOf={({ station, request }) => `${station}/${request}`}
                columns={[
                  { key: 'at', head: t('word.when'), render: ({ signedAt }) => <Moment at={signedAt} /> },
                  {
                    key: 'serial',
                    head: t('word.serial'),
                    render: ({ serial }) => (
                      <Link href={`/trace?serial=${encodeURIComponent(serial)}`}>
                        <code>{serial}</code>
                      </Link>
                    ),
                  },
                  { key: 'product', head: t('word.product'), render: ({ product }) => product },
                  { key: 'release', head: t('word.release'), render: ({ release }) => <Hash value={release} /> },
                  { key: 'station', head: t('word.station'), render: ({ station }) => station },
                  { key: 'digest', head: t('keys.digest'), render: ({ digest }) => <Hash value={digest} /> },
                ]}
              />
              <More of={asked} />
            </>
          );
        }}
      </Loaded>
    </section>
  );
}
