import { useEffect } from 'react';
import { assertNever } from '#shared/base/assert-never.ts';
import { usePage, useStation } from '../parts/station-context.ts';
import { pageOfKey } from '../stores/page-store.ts';
import { LogScreen } from './LogScreen.tsx';
import { OpeningScreen } from './OpeningScreen.tsx';
import { OperatorScreen } from './OperatorScreen.tsx';
import { PlantScreen } from './PlantScreen.tsx';

/** The page that is open; a function key leads to another from wherever one is. */
export function StationScreens() {
  const [page, open] = usePage();
  useEffect(() => {
    const down = (event: KeyboardEvent): void => {
      const wanted = pageOfKey(event.key);
      if (wanted === null) return;
      event.preventDefault();
      open(wanted);
    };
    document.addEventListener('keydown', down);
    return () => document.removeEventListener('keydown', down);
  }, [open]);
  const opening = useStation((state) => state.opening);
  if (opening !== null) return <OpeningScreen opening={opening} />;
  switch (page) {
    case 'operator':
      return <OperatorScreen />;
    case 'log':
      return <LogScreen />;
    case 'plant':
      return <PlantScreen />;
    default:
      return assertNever(page, 'page');
  }
}
