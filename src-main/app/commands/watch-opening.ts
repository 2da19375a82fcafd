import type { LogOpening } from '#shared/model/log-opening.ts';
import type { OpeningWatch } from '../compose-home.ts';
import type { CliContext } from './command.ts';

const WORDS: Readonly<Record<LogOpening['step'], string>> = {
  wait: 'Another Flashline has the unit log of this station for itself; waiting for it',
  check: 'The unit log of this station is being looked through',
  mend: 'The unit log of this station is damaged and is being mended (nothing is thrown away)',
};

/** Tells of a station's log that takes long to open: as events with `--json`, else in words, a line with every tenth. */
export function watchOpening({
  json = false,
  print,
  say,
  signal,
}: Pick<CliContext, 'json' | 'print' | 'say' | 'signal'>): Required<OpeningWatch> {
  let said = '';
  const inWords = ({ step, percent }: LogOpening): void => {
    const tenth = percent === null ? '' : `${Math.floor(percent / 10)}`;
    if (said === step + tenth) return;
    said = step + tenth;
    say(`${WORDS[step]}${percent === null ? '' : `: ${percent} %`} ...`);
  };
  return {
    signal,
    opening: (opening) => (json ? print(JSON.stringify({ type: 'log.opening', ...opening })) : inWords(opening)),
  };
}
