import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import { NEXT_CODE, type StationState } from '#shared/contract/station.ts';
import { useActions } from './station-context.ts';
import { COLORS, TOUCH } from './theme.ts';

type Serials = NonNullable<NonNullable<StationState['release']>['serials']>;

/** Where the station gives the serials: a board without a label has the next one. */
export function NextBoardButton({ serials: { left } }: { readonly serials: Serials }) {
  const { t } = useTranslation();
  const actions = useActions();
  return (
    <Button
      color="inherit"
      variant="outlined"
      data-part="next-board"
      disabled={left === 0}
      onClick={() => void actions.scan(NEXT_CODE)}
      sx={{ minHeight: TOUCH, flexShrink: 0, bgcolor: COLORS.panel, color: COLORS.text }}
    >
      {left === null ? t('scan.next_board') : t('scan.next_board_left', { left: String(left) })}
    </Button>
  );
}
