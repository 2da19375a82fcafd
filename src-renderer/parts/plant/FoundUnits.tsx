import { useTranslation } from 'react-i18next';
import type { FoundUnit } from '#shared/contract/plant/web-messages.ts';
import { Table, type Column } from './Table.tsx';
import { Moment, SerialLink, Tag, VerdictWord } from './words.tsx';

interface FoundUnitsProps {
  readonly units: readonly FoundUnit[];
  /** Whether it matters if a unit still carries what was asked for. */
  readonly carries?: boolean;
}

export function FoundUnits({ units, carries = false }: FoundUnitsProps) {
  const { t } = useTranslation();
  const columns: Column<FoundUnit>[] = [
    { key: 'serial', head: t('word.serial'), render: ({ serial }) => <SerialLink serial={serial} /> },
    ...(carries
      ? [{ key: 'carries', head: t('recall.carries'), render: (unit: FoundUnit) => <Carries unit={unit} /> }]
      : []),
    { key: 'verdict', head: t('find.last'), render: ({ verdict }) => <VerdictWord verdict={verdict} /> },
    { key: 'product', head: t('word.product'), render: ({ product }) => product },
    { key: 'uid', head: t('word.uid'), render: ({ uid }) => <code>{uid ?? '–'}</code> },
    { key: 'station', head: t('word.station'), render: ({ station }) => station },
    { key: 'finished', head: t('word.when'), render: ({ finishedAt }) => <Moment at={finishedAt} /> },
  ];
  return (
    <Table
      name={t('find.units')}
      columns={columns}
      rows={units}
      keyOf={({ product, serial }) => `${product} ${serial}`}
    />
  );
}

function Carries({ unit: { carriesNow } }: { readonly unit: FoundUnit }) {
  const { t } = useTranslation();
  return carriesNow ? <Tag tone="alarm">{t('recall.now')}</Tag> : <Tag tone="rest">{t('recall.once')}</Tag>;
}
