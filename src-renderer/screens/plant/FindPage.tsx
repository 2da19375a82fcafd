import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'wouter';
import { Choice } from '../../parts/plant/Choice.tsx';
import { FoundUnits } from '../../parts/plant/FoundUnits.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { More } from '../../parts/plant/More.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAskPages } from '../../parts/plant/use-ask-pages.ts';

const BY = ['uid', 'mac', 'batch', 'order'] as const;
type By = (typeof BY)[number];

/** Units by what is not their serial. */
export function FindPage() {
  const { t } = useTranslation();
  const [search, setSearch] = useSearchParams();
  const by = BY.find((each) => each === search.get('by')) ?? 'uid';
  const value = search.get('value') ?? '';
  return (
    <Page title={t('page.find')} next={t('find.next')}>
      <FindForm key={`${by} ${value}`} by={by} value={value} onSearch={(to) => setSearch({ ...to })} />
      {value === '' ? <Nothing>{t('find.how')}</Nothing> : <Units by={by} value={value} />}
    </Page>
  );
}

interface FindFormProps {
  readonly by: By;
  readonly value: string;
  readonly onSearch: (search: { readonly by: By; readonly value: string }) => void;
}

function FindForm({ by, value, onSearch }: FindFormProps) {
  const { t } = useTranslation();
  const [kind, setKind] = useState<By>(by);
  const [text, setText] = useState(value);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() !== '') onSearch({ by: kind, value: kind === 'mac' ? macOf(text) : text.trim() });
  };
  return (
    <Box component="form" onSubmit={submit} sx={{ display: 'flex', gap: '0.5rem' }}>
      <Choice
        label={t('find.by')}
        value={kind}
        width="12rem"
        options={BY.map((each) => [each, t(`word.${each}`)])}
        onChange={(chosen) => setKind(BY.find((each) => each === chosen) ?? 'uid')}
      />
      <TextField
        label={t('find.value')}
        value={text}
        onChange={(event) => setText(event.target.value)}
        slotProps={{ inputLabel: { shrink: true }, htmlInput: { maxLength: 128, spellCheck: false } }}
        sx={{ maxWidth: '28rem' }}
      />
      <Button type="submit" variant="contained" color="primary">
        {t('find.search')}
      </Button>
    </Box>
  );
}

function Units({ by, value }: { readonly by: By; readonly value: string }) {
  const { t } = useTranslation();
  const asked = useAskPages('unit.find', { query: { by, value } });
  return (
    <Loaded of={asked}>
      {({ pages }) => {
        const units = pages.flatMap((page) => page.units);
        if (units.length === 0) return <Nothing>{t('find.nothing', { value })}</Nothing>;
        return (
          <>
            <FoundUnits units={units} />
            <More of={asked} />
          </>
        );
      }}
    </Loaded>
  );
}

/** However a MAC address is written, as records have it: lower case, colons. */
function macOf(text: string): string {
  const digits = text.replaceAll(/[^0-9a-f]/gi, '').toLowerCase();
  return digits.length === 12 ? (digits.match(/../g)?.join(':') ?? digits) : text.trim();
}
