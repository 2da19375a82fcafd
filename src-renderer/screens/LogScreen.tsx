import Box from '@mui/material/Box';
import { useEffect, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useStore } from 'zustand';
import { FrameButtons } from '../parts/FrameButtons.tsx';
import { readableParams } from '../parts/format.ts';
import { RecordDetail } from '../parts/RecordDetail.tsx';
import { RecordList } from '../parts/RecordList.tsx';
import { ScanField } from '../parts/ScanField.tsx';
import { SidePage } from '../parts/SidePage.tsx';
import { useActions, usePage, useStation } from '../parts/station-context.ts';
import { COLORS } from '../parts/theme.ts';
import { createLogSearch, type LogSearch } from '../stores/log-search.ts';
import { useSearchKeys } from './use-search-keys.ts';

/** What the station knows of a board: scan it, and its runs are here. */
export function LogScreen() {
  const { t } = useTranslation();
  const actions = useActions();
  const connection = useStation((state) => state.connection);
  const [, open] = usePage();
  const model = useMemo(() => createLogSearch((query) => actions.searchLog(query)), [actions]);
  const log = useStore(model.store);
  const keys = useSearchKeys({
    search: (text) => void model.search(text),
    move: (by) => model.move(by),
    back: () => open('operator'),
  });
  // Also when the host comes back: what was missed meanwhile is shown.
  useEffect(() => {
    if (connection === 'open') void model.search(model.store.getState().text);
  }, [model, connection]);

  const shown = log.records.find(({ sequence }) => sequence === log.selected);
  return (
    <SidePage
      name="log"
      title={t('page.log')}
      sentence={useSentence(log)}
      tools={
        <ScanField
          text={keys.text}
          field={keys.field}
          onChange={keys.setText}
          onEnter={keys.enter}
          label={t('log.search')}
          button={t('log.find')}
        />
      }
    >
      <Box sx={HALVES}>
        <Box data-found={log.by ?? ''} aria-busy={log.busy} sx={LIST}>
          <RecordList
            records={log.records}
            selected={log.selected}
            hasMore={log.next !== null}
            onSelect={(sequence) => model.select(sequence)}
            onMore={() => void model.more()}
          />
        </Box>
        <Box sx={{ minHeight: 0, display: 'grid', gap: '0.625rem', gridTemplateRows: 'minmax(0, 1fr) auto' }}>
          {shown === undefined ? <Box /> : <RecordDetail record={shown} />}
          <FrameButtons here="log" />
        </Box>
      </Box>
    </SidePage>
  );
}

const HALVES = {
  minHeight: 0,
  display: 'grid',
  gap: '0.625rem',
  gridTemplateColumns: 'minmax(0, 1fr) minmax(0, 1fr)',
  gridTemplateRows: 'minmax(0, 1fr)',
} as const;

const LIST = {
  minHeight: 0,
  display: 'grid',
  gridTemplateRows: 'minmax(0, 1fr)',
  bgcolor: COLORS.panel,
  borderRadius: '0.75rem',
  p: '0.5rem',
} as const;

/** What was found, or why nothing was, and what to do next. */
function useSentence(log: LogSearch): string {
  const { t, i18n } = useTranslation();
  const connection = useStation((state) => state.connection);
  if (connection !== 'open') return t('action.lost');
  if (log.failure === null) return t(`log.${sentenceOf(log)}`, { text: log.text.slice(0, 24) });
  return t(`${log.failure.code}.sentence`, { ns: 'failures', ...readableParams(log.failure, i18n.language) });
}

type LogSentence = 'newest' | 'nothing' | 'empty' | 'one_unit' | 'several' | 'searching';

function sentenceOf({ by, records, busy }: LogSearch): LogSentence {
  if (by === null || (busy && records.length === 0)) return 'searching';
  if (by === 'newest') return records.length === 0 ? 'empty' : 'newest';
  if (records.length === 0) return 'nothing';
  return by === 'serial' ? 'one_unit' : 'several';
}
