import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import ButtonBase from '@mui/material/ButtonBase';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { dateTime } from './format.ts';
import { COLORS, MONO } from './theme.ts';
import { VERDICT_LOOKS } from './verdict-look.ts';

interface RecordListProps {
  readonly records: readonly UnitRecord[];
  readonly selected: number | null;
  readonly hasMore: boolean;
  readonly onSelect: (sequence: number) => void;
  readonly onMore: () => void;
}

/** One line a run, newest first; the chosen one's details stand beside it. */
export function RecordList({ records, selected, hasMore, onSelect, onMore }: RecordListProps) {
  const { t } = useTranslation();
  return (
    <Box
      role="listbox"
      aria-label={t('log.list')}
      sx={{ minHeight: 0, overflow: 'auto', display: 'flex', flexDirection: 'column', gap: '0.25rem', p: '0.25rem' }}
    >
      {records.map((record) => (
        <Row
          key={record.sequence}
          record={record}
          chosen={record.sequence === selected}
          onSelect={() => onSelect(record.sequence)}
        />
      ))}
      {hasMore && (
        <Button data-part="more" color="inherit" variant="outlined" onClick={onMore} sx={{ flexShrink: 0 }}>
          {t('log.more')}
        </Button>
      )}
    </Box>
  );
}

interface RowProps {
  readonly record: UnitRecord;
  readonly chosen: boolean;
  readonly onSelect: () => void;
}

function Row({ record, chosen, onSelect }: RowProps) {
  const { t, i18n } = useTranslation();
  const look = VERDICT_LOOKS[record.verdict];
  const Icon = look.icon;
  const place = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (chosen) place.current?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  return (
    <ButtonBase
      ref={place}
      role="option"
      aria-selected={chosen}
      data-record={record.sequence}
      data-verdict={record.verdict}
      tabIndex={-1}
      onClick={onSelect}
      sx={{
        flexShrink: 0,
        display: 'grid',
        gridTemplateColumns: '9rem minmax(0, 1fr) auto',
        alignItems: 'center',
        gap: '0.75rem',
        minHeight: '3.25rem',
        px: '0.5rem',
        textAlign: 'left',
        borderRadius: '0.5rem',
        bgcolor: chosen ? '#fff' : COLORS.tile,
        outline: chosen ? `0.1875rem solid ${COLORS.act}` : 'none',
      }}
    >
      <Box
        sx={{
          display: 'flex',
          alignItems: 'center',
          gap: '0.375rem',
          px: '0.5rem',
          py: '0.25rem',
          borderRadius: '0.375rem',
          bgcolor: look.background,
          color: look.color,
          fontWeight: 800,
          fontSize: '0.9375rem',
        }}
      >
        <Icon sx={{ fontSize: '1.375rem' }} />
        {t(`verdict.${record.verdict}`)}
      </Box>
      <Box
        sx={{
          fontFamily: MONO,
          fontSize: '1.25rem',
          fontWeight: 700,
          overflow: 'hidden',
          textOverflow: 'ellipsis',
          whiteSpace: 'nowrap',
        }}
      >
        {record.serial}
      </Box>
      <Box sx={{ fontSize: '0.9375rem', color: COLORS.quiet, textAlign: 'right', lineHeight: 1.25 }}>
        {dateTime(record.finishedAt, i18n.language)}
        <Box>
          {t('slot.name', { name: record.slot })} · {record.operator}
          {record.rework ? ` · ${t('slot.rework')}` : ''}
        </Box>
      </Box>
    </ButtonBase>
  );
}
