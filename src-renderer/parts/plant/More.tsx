import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';

interface MoreProps {
  readonly of: {
    readonly hasNextPage: boolean;
    readonly isFetchingNextPage: boolean;
    readonly fetchNextPage: () => Promise<unknown>;
  };
}

/** The next page of a list, below what is there. */
export function More({ of }: MoreProps) {
  const { t } = useTranslation();
  if (!of.hasNextPage) return null;
  return (
    <Box sx={{ mt: '0.5rem', '@media print': { display: 'none' } }}>
      <Button onClick={() => void of.fetchNextPage()} disabled={of.isFetchingNextPage}>
        {t('common.more')}
      </Button>
    </Box>
  );
}
