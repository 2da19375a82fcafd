import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useMutation } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'wouter';
import type { FoundUnit } from '#shared/contract/plant/web-messages.ts';
import type { GivenTo, PlantCallFailed, PlantClient } from '../../client/plant-client.ts';
import { Choice } from '../../parts/plant/Choice.tsx';
import { FoundUnits } from '../../parts/plant/FoundUnits.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { More } from '../../parts/plant/More.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { usePlantScope } from '../../parts/plant/plant-context.ts';
import { count, zonedTime } from '../../parts/plant/plant-format.ts';
import { Problem } from '../../parts/plant/Problem.tsx';
import { saveFile } from '../../parts/plant/save-file.ts';
import { pageOf, useAskPages } from '../../parts/plant/use-ask-pages.ts';
import { csvOf } from '../../stores/plant-csv.ts';

const BY = ['image', 'key', 'release'] as const;
type By = (typeof BY)[number];
/** The most that the plant gives in one answer. */
const PAGE = 500;

/** Which units carry, or carried, what turned out to be bad. */
export function RecallPage() {
  const { t } = useTranslation();
  const [search, setSearch] = useSearchParams();
  const by = BY.find((each) => each === search.get('by')) ?? 'image';
  const value = search.get('value') ?? '';
  return (
    <Page title={t('page.recall')} next={t('recall.next')}>
      <RecallForm key={`${by} ${value}`} by={by} value={value} onSearch={(to) => setSearch({ ...to })} />
      {value === '' ? <Nothing>{t('recall.how')}</Nothing> : <Units key={`${by} ${value}`} by={by} value={value} />}
    </Page>
  );
}

interface RecallFormProps {
  readonly by: By;
  readonly value: string;
  readonly onSearch: (search: { readonly by: By; readonly value: string }) => void;
}

function RecallForm({ by, value, onSearch }: RecallFormProps) {
  const { t } = useTranslation();
  const [kind, setKind] = useState<By>(by);
  const [text, setText] = useState(value);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const wanted = kind === 'key' ? text.trim() : text.trim().toLowerCase();
    if (wanted !== '') onSearch({ by: kind, value: wanted });
  };
  return (
    <Box
      component="form"
      onSubmit={submit}
      sx={{ display: 'flex', gap: '0.5rem', '@media print': { display: 'none' } }}
    >
      <Choice
        label={t('find.by')}
        value={kind}
        width="13rem"
        options={BY.map((each) => [each, t(`recall.by_${each}`)])}
        onChange={(chosen) => setKind(BY.find((each) => each === chosen) ?? 'image')}
      />
      <TextField
        label={t('find.value')}
        value={text}
        onChange={(event) => setText(event.target.value)}
        slotProps={{ inputLabel: { shrink: true }, htmlInput: { maxLength: 128, spellCheck: false } }}
      />
      <Button type="submit" variant="contained" color="primary">
        {t('find.search')}
      </Button>
    </Box>
  );
}

function Units({ by, value }: { readonly by: By; readonly value: string }) {
  const { t, i18n } = useTranslation();
  const asked = useAskPages('recall.search', { query: { by, value } });
  return (
    <Loaded of={asked}>
      {({ pages }) => {
        const units = pages.flatMap((page) => page.units);
        const total = pages[0]?.total;
        if (units.length === 0 || total === undefined) return <Nothing>{t('recall.nothing')}</Nothing>;
        const numbers = {
          units: count(total.units, i18n.language),
          now: count(total.carryNow, i18n.language),
          once: count(total.units - total.carryNow, i18n.language),
        };
        return (
          <Box sx={{ display: 'grid', gap: '0.5rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
            <Box sx={{ display: 'flex', gap: '1rem', alignItems: 'center' }}>
              <Box role="status" data-part="total" sx={{ flex: 1, fontSize: '1rem' }}>
                {total.atLeast && t('recall.at_least')} <b>{t('recall.total', numbers)}</b>{' '}
                {t('recall.total_once', numbers)}
                <Box sx={{ display: 'none', '@media print': { display: 'block' } }}>
                  {t(`recall.by_${by}`)}: <code>{value}</code> · {zonedTime(new Date().toISOString(), i18n.language)}
                </Box>
              </Box>
              <Download by={by} value={value} />
              <Button onClick={() => window.print()} sx={NOT_PRINTED}>
                {t('common.print')}
              </Button>
            </Box>
            <FoundUnits units={units} carries />
            <More of={asked} />
          </Box>
        );
      }}
    </Loaded>
  );
}

/** Every page of the search in one file. */
function Download({ by, value }: { readonly by: By; readonly value: string }) {
  const { t } = useTranslation();
  const { client } = usePlantScope();
  const save = useMutation<void, PlantCallFailed>({
    mutationFn: async () => {
      const units = await allUnits(client, { query: { by, value, limit: PAGE } });
      saveFile(`recall-${by}.csv`, 'text/csv', csvOf([COLUMNS, ...units.map(rowOf)]));
    },
  });
  return (
    <Box sx={NOT_PRINTED}>
      {save.error !== null && <Problem error={save.error} />}
      <Button onClick={() => save.mutate()} disabled={save.isPending}>
        {t(save.isPending ? 'recall.downloading' : 'recall.download')}
      </Button>
    </Box>
  );
}

async function allUnits(client: PlantClient, given: GivenTo<'recall.search'>): Promise<FoundUnit[]> {
  const units: FoundUnit[] = [];
  let before: string | null = null;
  do {
    const page: { units: FoundUnit[]; next: string | null } = await client.call('recall.search', pageOf(given, before));
    units.push(...page.units);
    before = page.next;
  } while (before !== null);
  return units;
}

/** The same in every language: other programs read it. Times are UTC. */
const COLUMNS = ['serial', 'product', 'uid', 'station', 'finished_at', 'last_verdict', 'carries_now'];

function rowOf({ serial, product, uid, station, finishedAt, verdict, carriesNow }: FoundUnit): string[] {
  return [serial, product, uid ?? '', station, finishedAt, verdict, carriesNow ? 'yes' : 'no'];
}

const NOT_PRINTED = { '@media print': { display: 'none' } } as const;
