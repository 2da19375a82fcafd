import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Finding } from '#shared/contract/plant/web-messages.ts';
import { Ask } from '../../parts/plant/Ask.tsx';
import { Choice } from '../../parts/plant/Choice.tsx';
import { FindingWords } from '../../parts/plant/FindingWords.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAct, useAsk, useMay } from '../../parts/plant/plant-context.ts';
import { Table } from '../../parts/plant/Table.tsx';
import { Moment } from '../../parts/plant/words.tsx';

/** What does not fit together, until somebody says what it was. */
export function FindingsPage() {
  const { t } = useTranslation();
  const maySettle = useMay('finding.settle');
  const [open, setOpen] = useState<'true' | 'false'>('true');
  const asked = useAsk('finding.list', open === 'true' ? undefined : { query: { open } });
  const [settling, setSettling] = useState<Finding | null>(null);
  return (
    <Page
      title={t('page.findings')}
      next={t(maySettle ? 'finding.next_settle' : 'finding.next')}
      actions={
        <Choice
          label={t('finding.which')}
          value={open}
          width="11rem"
          options={[
            ['true', t('finding.open')],
            ['false', t('finding.all')],
          ]}
          onChange={(value) => setOpen(value === 'false' ? 'false' : 'true')}
        />
      }
    >
      <Loaded of={asked}>
        {(findings) =>
          findings.length === 0 ? (
            <Nothing>{t('finding.nothing')}</Nothing>
          ) : (
            <Findings findings={findings} onSettle={maySettle ? setSettling : null} />
          )
        }
      </Loaded>
      {settling !== null && <Settle finding={settling} onClose={() => setSettling(null)} />}
    </Page>
  );
}

interface FindingsProps {
  readonly findings: readonly Finding[];
  readonly onSettle: ((finding: Finding) => void) | null;
}

function Findings({ findings, onSettle }: FindingsProps) {
  const { t } = useTranslation();
  return (
    <Table
      name={t('page.findings')}
      rows={findings}
      keyOf={({ id }) => id}
      faded={({ settledAt }) => settledAt !== null}
      columns={[
        { key: 'what', head: t('finding.what'), render: (finding) => <FindingWords finding={finding} /> },
        { key: 'do', head: t('finding.do'), render: ({ kind }) => t(`finding.do_${kind}`) },
        { key: 'found', head: t('finding.found'), render: ({ foundAt }) => <Moment at={foundAt} /> },
        {
          key: 'act',
          head: t('common.act'),
          render: (finding) => {
            const { settledAt, settledBy } = finding;
            if (settledAt !== null)
              return (
                <>
                  {t('finding.settled_by', { name: settledBy ?? '' })} <Moment at={settledAt} />
                </>
              );
            return onSettle !== null && <Button onClick={() => onSettle(finding)}>{t('finding.settle')}</Button>;
          },
        },
      ]}
    />
  );
}

function Settle({ finding, onClose }: { readonly finding: Finding; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('finding.settle', ['finding.list', 'unit.trace']);
  const [note, setNote] = useState('');
  const given = note.trim() === '' ? null : { params: { id: finding.id }, body: { note: note.trim() } };
  return (
    <Ask title={t('finding.settle_title')} confirm={t('finding.settle')} act={act} given={given} onClose={onClose}>
      <FindingWords finding={finding} />
      <TextField
        autoFocus
        label={t('finding.note')}
        helperText={t('finding.note_help')}
        value={note}
        onChange={(event) => setNote(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 128 } }}
      />
    </Ask>
  );
}
