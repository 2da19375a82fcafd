import { describe, expect, it } from 'vitest';
import { flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import { NOR_KINDS, type NorKind } from '#main/bench/spi/nor-kinds.ts';
import { NorModel } from '#main/bench/spi/nor-model.ts';
import { layOut } from '#main/plan/layout.ts';
import { carryOutLocks } from '#main/programmer/carry-out-locks.ts';
import type { LockStates } from '#main/programmer/lock-steps.ts';
import type { Programmer } from '#main/programmer/programmer.ts';
import { openSpiNor } from '#main/programmer/spi-nor/open-spi-nor.ts';
import { filesystem } from '#test/bench/nor-run.ts';
import { shippedChip } from '#test/bench/bench-run.ts';
import { NorPort } from '#test/support/nor-port.ts';

const GENERIC = shippedChip('spi-nor');
const SMALL: NorKind = { ...(NOR_KINDS['spi-nor'] as NorKind), size: 0x100000 };
const QUAD: LockOperation = { op: 'lock', step: 'quad-enable', name: 'quad enable', expected: 'enabled' };
const BLOCKS: LockOperation = {
  op: 'lock',
  step: 'block-protection',
  name: 'block protection',
  expected: 'all blocks',
};

async function open(kind: NorKind, chip = GENERIC) {
  const nor = new NorModel(kind, 1);
  const port = new NorPort(nor);
  const unit = await openSpiNor(port, chip, port.io);
  await unit.identify(port.io);
  return { nor, port, unit };
}

async function lock(unit: Programmer, port: NorPort, operations: readonly LockOperation[]) {
  const journal: string[] = [];
  let states: LockStates | undefined;
  await carryOutLocks({
    operations,
    contents: layOut(GENERIC, [filesystem(16, 1)]).contents,
    locks: unit.locks,
    io: port.io,
    hooks: {
      beforeChange: async ({ name }) => void journal.push(name),
      locksObserved: (observed) => (states = observed),
    },
    within: (_, work) => work(),
  });
  return { journal, states };
}

async function failureOf(work: Promise<unknown>) {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof FlashlineError) return error.failure;
  throw new TypeError(`no failure of ours: ${String(error)}`);
}

/** JESD216, DWORD 15, bits 22:20: how each kind of chip has its bit, by register and place, and what else it must keep. */
const METHODS: readonly (readonly [NorKind['quadEnable'], NorKind['writable'], 'sr1' | 'sr2', number])[] = [
  [1, { sr1: 0xfc, sr2: 0x7b }, 'sr2', 0x02],
  [2, { sr1: 0xfc, sr2: 0 }, 'sr1', 0x40],
  [3, { sr1: 0xfc, sr2: 0xff }, 'sr2', 0x80],
  [4, { sr1: 0xfc, sr2: 0x7b }, 'sr2', 0x02],
  [5, { sr1: 0xfc, sr2: 0x7b }, 'sr2', 0x02],
  [6, { sr1: 0xfc, sr2: 0x7b }, 'sr2', 0x02],
];

describe('quad enable', () => {
  it.each(METHODS)(
    'is set by method %i, read back, kept, and every other bit stays',
    async (quadEnable, writable, at, bit) => {
      const kind: NorKind = { ...SMALL, quadEnable, writable, protects: { sr1: 0, sr2: 0 } };
      const { nor, port, unit } = await open(kind);
      nor.sr1 = 0x20 & writable.sr1;
      nor.sr2 = 0x08 & writable.sr2;
      const before = { sr1: nor.sr1, sr2: nor.sr2 };
      const first = await lock(unit, port, [QUAD]);
      expect(first.journal).toEqual(['quad enable']);
      expect(first.states?.locks).toMatchObject({ 'quad enable': 'enabled' });
      expect({ sr1: nor.sr1, sr2: nor.sr2 }).toEqual({ ...before, [at]: before[at] | bit });
      // Not written again: the cells of a status register wear.
      const again = await lock(unit, port, [QUAD]);
      expect(again.journal).toEqual([]);
      // Power, and who comes next.
      await port.connect();
      expect((await lock(unit, port, [QUAD])).journal).toEqual([]);
    },
  );

  it('is nothing to be done where the chip has no such bit, and refused where nobody says where it is', async () => {
    const none = await open({ ...SMALL, quadEnable: 0 });
    expect(await lock(none.unit, none.port, [QUAD])).toMatchObject({
      journal: [],
      states: { locks: { 'quad enable': 'none' } },
    });
    const unknown = await open({ ...SMALL, quadEnable: 7 as NorKind['quadEnable'] });
    expect(await failureOf(lock(unknown.unit, unknown.port, [QUAD]))).toMatchObject({
      code: 'lock-unsuited',
      params: { lock: 'quad enable' },
    });
  });

  it('that stays clear, the registers being locked, is the unit’s', async () => {
    const { nor, port, unit } = await open({ ...SMALL, quadEnable: 2 });
    nor.faults = { statusLocked: true };
    expect(await failureOf(lock(unit, port, [QUAD]))).toMatchObject({
      code: 'lock-failed',
      blame: 'unit',
      params: { found: 'disabled' },
    });
  });
});

describe('block protection', () => {
  it.each(['w25q128jv', 'gd25q64c', 'mx25l25645g', 'n25q256a'])(
    '%s is protected whole, and quad enable stays',
    async (id) => {
      const { nor, port, unit } = await open(NOR_KINDS[id] as NorKind, shippedChip(id));
      const { journal, states } = await lock(unit, port, [BLOCKS, QUAD]);
      expect(journal).toContain('block protection');
      expect(nor.sr1 & nor.kind.protects.sr1).not.toBe(0);
      expect(states?.locks['quad enable']).toBe(id === 'n25q256a' ? 'none' : 'enabled');
      expect((await unit.protection?.read(port.io))?.locked).toBe(true);
      expect((await unit.protection?.unlock(port.io))?.locked).toBe(false);
      expect((await lock(unit, port, [QUAD])).journal).toEqual([]);
    },
  );
});

describe('the flag status register', () => {
  const kinds = [
    ['errors', { ...SMALL, flagStatus: 'errors' }],
    ['only', { ...SMALL, flagStatus: 'only' }],
  ] as const satisfies readonly (readonly [string, NorKind])[];
  const [memory] = flashMemories(GENERIC);
  if (!memory) throw new TypeError('no flash');

  it.each(kinds)('(%s): what was programmed and erased is there', async (_, kind) => {
    const { nor, port, unit } = await open(kind);
    const device = await unit.openFlash(port.io);
    const data = Uint8Array.from({ length: 3000 }, (__, index) => (index * 7) & 0x7f);
    await device.program(memory, 0x1000, data, port.io);
    expect(await device.read(0x1000, data.length, port.io)).toEqual(data);
    await device.erase(memory, 0x1000, 0x3000, port.io);
    await device.finish(port.io);
    expect(nor.cells.peek(0x1000, 0x3000).every((byte) => byte === 0xff)).toBe(true);
    // Once a batch, or between any two operations.
    const asked = port.opcodes.filter((opcode) => opcode === 0x70).length;
    expect(asked).toBeGreaterThan(kind.flagStatus === 'only' ? 12 : 1);
  });

  it.each(kinds)('(%s): what failed is told, by its name, and cleared', async (_, kind) => {
    const { nor, port, unit } = await open(kind);
    const device = await unit.openFlash(port.io);
    nor.faults = { failsFrom: 0 };
    expect(await failureOf(device.erase(memory, 0x2000, 0x1000, port.io))).toMatchObject({
      code: 'flash-refused',
      cause: expect.stringContaining('an erase failed'),
    });
    expect(await failureOf(device.program(memory, 0x2000, new Uint8Array(256), port.io))).toMatchObject({
      code: 'flash-refused',
      cause: expect.stringContaining('a program failed'),
    });
    nor.faults = {};
    nor.sr1 |= 0x1c;
    const failure = await failureOf(device.program(memory, 0x2000, new Uint8Array(256), port.io));
    expect(failure.cause).toContain('a block is protected');
    nor.sr1 = 0;
    await device.program(memory, 0x2000, new Uint8Array(256), port.io);
    expect(nor.cells.peek(0x2000, 256).every((byte) => byte === 0)).toBe(true);
  });
});

describe('addresses of four bytes', () => {
  it.each(['b7', 'wren-b7', 'bank-17', 'segment-c5'] as const)(
    'by %s are entered, and left again',
    async (enterFourByte) => {
      const kind: NorKind = {
        ...SMALL,
        size: 0x2000000,
        enterFourByte,
        erases: SMALL.erases.map(({ size, opcode, ms }) => ({ size, opcode, ms })),
      };
      const { nor, port, unit } = await open(kind);
      const device = await unit.openFlash(port.io);
      const [flash] = flashMemories(GENERIC);
      if (!flash) throw new TypeError('no flash');
      const data = Uint8Array.from({ length: 64 }, (_, index) => index);
      await device.program(flash, 0x1800000, data, port.io);
      await device.finish(port.io);
      expect(nor.cells.peek(0x1800000, 64)).toEqual(data);
      expect(nor.cells.peek(0x800000, 64).every((byte) => byte === 0xff)).toBe(true);
      await unit.close(port.io);
      // Three bytes again: this reads the byte at 0x18, not at 0x1800000.
      const [found] = await port.transfer([{ write: Uint8Array.of(0x03, 0x00, 0x00, 0x18), read: 4 }]);
      expect(found).toEqual(new Uint8Array(4).fill(0xff));
    },
  );

  it('by a register of the highest byte are sent with three, however much is done on both sides', async () => {
    const kind: NorKind = {
      ...SMALL,
      size: 0x2000000,
      enterFourByte: 'segment-c5',
      erases: SMALL.erases.map(({ size, opcode, ms }) => ({ size, opcode, ms })),
    };
    const { nor, port, unit } = await open(kind);
    const device = await unit.openFlash(port.io);
    const [flash] = flashMemories(GENERIC);
    if (!flash) throw new TypeError('no flash');
    const [start, size] = [0xffe000, 0x4000];
    nor.cells.preload(0, Uint8Array.of(9));
    nor.cells.preload(start, new Uint8Array(size));
    // The first pages' programs and erases are still under way when the other side's turn comes.
    await device.erase(flash, start, size, port.io);
    expect(nor.cells.peek(start, size).every((byte) => byte === 0xff)).toBe(true);
    const data = Uint8Array.from({ length: size }, (_, index) => (index * 7) ^ (index >> 6));
    await device.program(flash, start, data, port.io);
    expect(await device.read(start, size, port.io)).toEqual(data);
    expect(await device.sample?.([0, 0x1000000, 0], 2, port.io)).toEqual(
      Uint8Array.of(9, 0xff, data[0x2000] ?? 0, data[0x2001] ?? 0, 9, 0xff),
    );
    await device.finish(port.io);
    expect(nor.cells.peek(start, size)).toEqual(data);
    expect(nor.cells.peek(1, 0x1000).every((byte) => byte === 0xff)).toBe(true);
    // Read back each time that it was written.
    const count = (opcode: number) => port.opcodes.filter((each) => each === opcode).length;
    expect(count(0xc5)).toBe(count(0xc8));
    expect(count(0xc5)).toBeGreaterThan(3);
  });
});
