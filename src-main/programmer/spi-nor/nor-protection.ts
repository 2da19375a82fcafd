import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Protection, ProtectionState } from '../../target/protection/protection.ts';
import type { NorChip } from './nor-chip.ts';

/**
 * Block protection: bits of the status registers against programs and erases. Any of them that is set counts as locked,
 * whichever blocks it means: makers differ in that. Clearing them erases nothing.
 */
export class NorProtection implements Protection {
  readonly opensBy = 'block-protection';
  readonly #nor: NorChip;

  constructor(nor: NorChip) {
    this.#nor = nor;
  }

  async read(io: IoContext): Promise<ProtectionState> {
    await this.#nor.parts(io);
    const { sr1, sr2 } = await this.#set(io);
    return { locked: sr1 !== 0 || sr2 !== 0, observed: { 'block protection': protectionText(sr1, sr2) } };
  }

  readUid(io: IoContext): Promise<string | null> {
    return this.#nor.uid(io);
  }

  async unlock(io: IoContext): Promise<ProtectionState> {
    if (!(await this.read(io)).locked) return this.read(io);
    const { sr1, sr2 } = this.#nor.spi.blockProtection;
    await this.#write((before) => ({ sr1: before.sr1 & ~sr1, sr2: before.sr2 & ~sr2 }), io);
    const state = await this.read(io);
    if (!state.locked) return state;
    // The status registers are protected too: by WP#, or for good.
    const found = Object.entries(state.observed).map(([name, value]) => `${name} ${value}`);
    throw new FlashlineError('unlock-failed', { params: { chip: this.#nor.chip.name, found: found.join(', ') } });
  }

  async lock(io: IoContext): Promise<ProtectionState> {
    const { all, sr1, sr2 } = this.#nor.spi.blockProtection;
    await this.#write((before) => ({ sr1: (before.sr1 & ~sr1) | all, sr2: before.sr2 & ~sr2 }), io);
    return this.read(io);
  }

  /** Whether every block is: by the bits that say so, and no others of its. */
  async isWhole(io: IoContext): Promise<boolean> {
    const { sr1, sr2 } = await this.#set(io);
    return sr1 === this.#nor.spi.blockProtection.all && sr2 === 0;
  }

  async #set(io: IoContext): Promise<{ readonly sr1: number; readonly sr2: number }> {
    const found = await this.#nor.statusRegisters(io);
    const { sr1, sr2 } = this.#nor.spi.blockProtection;
    return { sr1: found.sr1 & sr1, sr2: found.sr2 & sr2 };
  }

  /** Where there is a second register both are written: of some chips a write of the first alone clears it. */
  async #write(change: (before: Registers) => Registers, io: IoContext): Promise<void> {
    const { hasStatus2 } = await this.#nor.parts(io);
    const { sr1, sr2 } = change(await this.#nor.statusRegisters(io));
    const writable = sr1 & ~0x03;
    await this.#nor.writeStatus(hasStatus2 ? [writable, sr2] : [writable], io);
  }
}

interface Registers {
  readonly sr1: number;
  readonly sr2: number;
}

function protectionText(sr1: number, sr2: number): string {
  return sr1 === 0 && sr2 === 0 ? 'none' : `0x${((sr2 << 8) | sr1).toString(16).toUpperCase().padStart(4, '0')}`;
}
