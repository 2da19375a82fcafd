import { faultsOf, type Faults } from '../../faults.ts';

/** What is wrong with this unit's boot loader, as far as it is the boot loader's. */
export interface RomFaults {
  readonly echo: boolean;
  readonly chatter: boolean;
  readonly wrongPart: boolean;
  readonly wrongSize: boolean;
  /** Asked once a command. */
  refuses(): boolean;
  /** Asked once an erase or a write: it never ends. */
  hangs(): boolean;
}

export function romFaults(faults: Faults): RomFaults {
  let commands = 0;
  let operations = 0;
  const from = (kind: 'refuses' | 'endless') => Math.min(...faultsOf(faults, kind).map(({ after }) => after));
  return {
    echo: faultsOf(faults, 'echo').length > 0,
    chatter: faultsOf(faults, 'chatter').length > 0,
    wrongPart: faultsOf(faults, 'wrong-chip').length > 0,
    wrongSize: faultsOf(faults, 'wrong-size').length > 0,
    refuses: () => commands++ >= from('refuses'),
    hangs: () => operations++ >= from('endless'),
  };
}
