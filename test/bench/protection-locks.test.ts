import { describe, expect, it } from 'vitest';
import { equalBytes } from '#shared/base/bytes.ts';
import { debugChip } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Bench } from '#main/bench/bench.ts';
import { newBench, shippedChip } from './bench-run.ts';
import { bySwd, byUart, type Locking, runLocked, type Told } from './locked-run.ts';
import { application, cells, image, noise, preload } from './releases.ts';

const SIZE = 300;
const NIGHTLY = process.env['FLASHLINE_NIGHTLY'] !== undefined;
/** Each of these runs costs a board's whole life. */
const CUTS = 6;
const READOUT: Locking = { locks: [{ step: 'readout-protection' }], unlock: 'mass-erase' };
const WRITE: Locking = { locks: [{ step: 'write-protection', role: 'application' }] };
const BOTH: Locking = {
  locks: [{ step: 'readout-protection' }, { step: 'write-protection', role: 'application' }],
  unlock: 'mass-erase',
};

const WAYS = [
  { id: 'nrf52840', by: bySwd, way: 'SWD', locked: { APPROTECTSTATUS: 'protected (0)', APPROTECT: 'cannot be read' } },
  {
    id: 'nrf51822',
    by: bySwd,
    way: 'SWD',
    locked: { 'RBPCONF.PALL': 'protected (0xFFFF00FF)', RBPCONF: '0xFFFF00FF' },
  },
  { id: 'atsamd21g18a', by: bySwd, way: 'SWD', locked: { 'DSU.PROT': 'protected (1)' } },
  { id: 'stm32f407vg', by: bySwd, way: 'SWD', locked: { RDP: 'level 1 (0x55)' } },
  { id: 'stm32g071rb', by: bySwd, way: 'SWD', locked: { RDP: 'level 1 (0x55)' } },
  { id: 'stm32f407vg', by: byUart, way: 'UART', locked: { RDP: 'level 1 (READ is refused)' } },
  { id: 'stm32g071rb', by: byUart, way: 'UART', locked: { RDP: 'level 1 (READ is refused)' } },
] as const;

/** `b .` where the vectors lead. */
function quiet(seed: number, base: number) {
  const release = application(SIZE, seed, base);
  release.image.segments[0]?.data.set([0xfe, 0xe7], 0x100);
  return release;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure.code;
    throw error;
  }
}

describe.each(WAYS)('$id by $way', ({ id, by, locked }) => {
  const chip = shippedChip(id);
  const { vectors } = debugChip(chip).boot;
  const OLD = quiet(41, vectors);
  const NEW = quiet(42, vectors);
  const bytesOf = (release: typeof OLD) => release.image.segments[0]?.data ?? new Uint8Array();
  const held = (bench: Bench) => cells(bench, 'A', vectors, SIZE, id);
  const benchWith = (release: typeof OLD, seed = 1) => {
    const bench = newBench(seed);
    preload(bench, 'A', [release], chip);
    return bench;
  };
  const withNew = (seed = 1) => benchWith(NEW, seed);

  it('is written, read back, locked last, and shows nothing then', async () => {
    const bench = benchWith(OLD);
    const { states, journal } = await runLocked(by(bench, chip), [NEW], READOUT);
    expect(journal.at(-1)).toBe('read-out protection');
    expect(journal.filter((entry) => entry === 'read-out protection')).toHaveLength(1);
    expect(states?.locks).toMatchObject(locked);
    expect(held(bench)).toEqual(bytesOf(NEW));
    expect(bench.boardFor(id, 'A').report().misuse ?? []).toEqual([]);
    // Whoever comes next sees a locked unit, and only a recipe that says so opens it.
    expect(await codeOf(runLocked(by(bench, chip), [NEW], {}))).toBe('chip-protected');
    const again = await runLocked(by(bench, chip), [OLD], READOUT);
    expect(again.journal[0]).toBe('unlock by mass-erase');
    expect(held(bench)).toEqual(bytesOf(OLD));
  });

  // What comes before the first step of no return is swept at every packet in run-faults and stm32-uart.
  it('after a power cut at a packet of its locking is whole, locked or not, and the next run locks it', async () => {
    const told: Told = { journal: [], sent: 0 };
    await runLocked(by(withNew(), chip), [NEW], READOUT, told);
    const from = (told.lockedFrom ?? 0) - 1;
    const step = NIGHTLY ? 1 : Math.ceil((told.sent - from) / CUTS);
    for (let after = from; after < told.sent; after += step) {
      const bench = withNew(after);
      const cut: Told = { journal: [], sent: 0 };
      await codeOf(runLocked(by(bench, chip, [{ kind: 'power-cut', after }]), [NEW], READOUT, cut));
      // Nothing but the lock's own step is ever begun, so that the firmware is whole whatever came of it.
      expect(cut.journal.filter((entry) => entry !== 'read-out protection')).toEqual([]);
      expect(held(bench)).toEqual(bytesOf(NEW));
      const { states } = await runLocked(by(bench, chip), [NEW], READOUT);
      expect(states?.locks, `after packet ${after}`).toMatchObject(locked);
      expect(held(bench)).toEqual(bytesOf(NEW));
    }
  });
});

describe.each(WAYS.filter(({ id }) => id.startsWith('stm32')))(
  'write protection of $id by $way',
  ({ id, by, locked }) => {
    const chip = shippedChip(id);
    const { vectors } = debugChip(chip).boot;
    const NEW = quiet(43, vectors);
    const OTHER = quiet(44, vectors);
    const range = id === 'stm32f407vg' ? '0x08000000 to 0x08003FFF' : '0x08000000 to 0x080007FF';

    it('is set after everything was read back, stays, and refuses what comes later until it is lifted', async () => {
      const bench = newBench();
      const first = await runLocked(by(bench, chip), [NEW], WRITE);
      expect(first.journal.at(-1)).toBe('write protection of application');
      expect(first.states?.locks).toMatchObject({ 'write protection': range });
      // The same again finds it done, and changes nothing.
      const again = await runLocked(by(bench, chip), [NEW], WRITE);
      expect(again.journal).toEqual([]);
      expect(again.states?.locks).toMatchObject({ 'write protection': range });
      expect(await codeOf(runLocked(by(bench, chip), [OTHER], WRITE))).toMatch(/^(memory-locked|flash-refused)$/u);
      expect(equalBytes(cells(bench, 'A', vectors, SIZE, id), NEW.image.segments[0]?.data ?? new Uint8Array())).toBe(
        true,
      );
      const lifted = await runLocked(by(bench, chip), [OTHER], { ...WRITE, unlock: 'block-protection' });
      expect(lifted.journal[0]).toBe('unlock by block-protection');
      expect(lifted.states?.locks).toMatchObject({ 'write protection': range });
    });

    it('stands in nobody’s way who writes other pages, and theirs are protected beside it', async () => {
      const bench = newBench();
      await runLocked(by(bench, chip), [NEW], WRITE);
      const at = vectors + (id === 'stm32f407vg' ? 0x4000 : 0x800);
      const more = image('filesystem', { address: at, data: noise(100, 5) });
      const { states } = await runLocked(by(bench, chip), [more], {
        locks: [{ step: 'write-protection', role: 'filesystem' }],
      });
      const end = id === 'stm32f407vg' ? '0x08007FFF' : '0x08000FFF';
      expect(states?.locks).toMatchObject({ 'write protection': `0x08000000 to ${end}` });
    });

    it('is set before read-out protection hides it, and both are opened by the erase of everything', async () => {
      const bench = newBench();
      for (const release of [NEW, OTHER]) {
        const { states, journal } = await runLocked(by(bench, chip), [release], BOTH);
        expect(journal.slice(-2)).toEqual(['write protection of application', 'read-out protection']);
        expect(states?.locks).toMatchObject({ ...locked, 'write protection': range });
      }
    });
  },
);
