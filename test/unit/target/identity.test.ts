import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { wordsToBytes } from '#shared/base/bytes.ts';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { ChipDescription } from '#shared/model/chip.ts';
import type { MemoryAccess } from '#main/probe/memory-access.ts';
import { identifyChip } from '#main/target/identity.ts';

const CHIP = ChipDescription.parse({
  schema: 1,
  id: 'chip',
  name: 'Chip',
  core: 'cortex-m0',
  source: 'none',
  swd: { maxHz: 1_000_000 },
  memories: [{ kind: 'ram', name: 'ram', start: 0x2000_0000, size: 0x1000 }],
  identity: {
    checks: [{ register: 'ID.PART', address: 0x100, value: 0x8234_0000, mask: 0xffff_0000 }],
    uid: { address: 0x200, size: 8 },
  },
  locks: [{ name: 'LOCK', memory: 'ram', address: 0x300, size: 4, unlocked: 0xffffffff }],
  controller: { kind: 'nrf-nvmc', base: 0 },
  boot: { vectors: 0 },
});

const unused = (): Promise<never> => Promise.reject(new Error('identify must only read'));
const clock: Clock = { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() };
const io: IoContext = { clock, signal: new AbortController().signal };

function memoryWith(words: Readonly<Record<number, number>>): MemoryAccess {
  const word = (address: number): number => words[address] ?? 0xdead_0000;
  return {
    readWord: (address) => Promise.resolve(word(address)),
    read: (address, length) =>
      Promise.resolve(wordsToBytes(Array.from({ length: length / 4 }, (_, index) => word(address + index * 4)))),
    write: unused,
    writeWord: unused,
    waitForWord: unused,
  };
}

const GOOD = { 0x100: 0x8234_5678, 0x200: 0x8899_aabb, 0x204: 0x0011_2233, 0x300: 0xffff_ff00 };

describe('identifyChip', () => {
  it('reads the id most significant byte first, and the locks as they are', async () => {
    expect(await identifyChip(memoryWith(GOOD), CHIP, io)).toEqual({
      uid: '001122338899aabb',
      chip: 'chip',
      locks: { LOCK: '0xFFFFFF00' },
    });
  });

  it('tells another chip by the masked bits, naming the register and what it held', async () => {
    const failing = identifyChip(memoryWith({ ...GOOD, 0x100: 0x8235_0000 }), CHIP, io);
    await expect(failing).rejects.toThrow(FlashlineError);
    await expect(failing).rejects.toMatchObject({
      failure: { code: 'wrong-chip', params: { expected: 'Chip', register: 'ID.PART', found: '0x82350000' } },
    });
  });

  it.each([0, 0xffffffff])('does not take %i for a hardware id', async (blank) => {
    await expect(identifyChip(memoryWith({ ...GOOD, 0x200: blank, 0x204: blank }), CHIP, io)).rejects.toMatchObject({
      failure: { code: 'identity-unreadable' },
    });
  });
});

describe('a register that the bus refuses', () => {
  const refusing = (times: number): MemoryAccess => {
    const memory = memoryWith(GOOD);
    let left = times;
    return {
      ...memory,
      readWord: (address, context) =>
        left-- > 0
          ? Promise.reject(new FlashlineError('target-fault', { params: { address: 'x' } }))
          : memory.readWord(address, context),
    };
  };

  it('once is read again', async () => {
    expect(await identifyChip(refusing(1), CHIP, io)).toMatchObject({ chip: 'chip' });
  });

  it('each time belongs to another chip', async () => {
    await expect(identifyChip(refusing(2), CHIP, io)).rejects.toMatchObject({
      failure: { code: 'wrong-chip', params: { register: 'ID.PART', found: 'a bus fault' } },
    });
  });
});
