import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { IoContext } from '#shared/base/clock.ts';
import { debugChip, ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Bench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import type { Protection } from '#main/target/protection/protection.ts';
import type { Target } from '#main/target/target.ts';
import { CountingLink, newBench } from './bench-run.ts';

const PROTECTED: Faults = [{ kind: 'protected' }];

/** What each chip says of itself, open and locked, and the virtual seconds that its mass erase takes at least. */
const CHIPS = [
  {
    id: 'nrf52840',
    open: { APPROTECTSTATUS: 'not protected (1)' },
    locked: { APPROTECTSTATUS: 'protected (0)' },
    seconds: 0.1,
  },
  {
    id: 'nrf51822',
    open: { 'RBPCONF.PALL': 'not protected (0xFFFFFFFF)' },
    locked: { 'RBPCONF.PALL': 'protected (0xFFFF00FF)' },
    seconds: 0.02,
  },
  {
    id: 'stm32f407vg',
    open: { RDP: 'level 0 (0xAA)' },
    arrives: { RDP: 'level 1 (0x00)' },
    locked: { RDP: 'level 1 (0x55)' },
    seconds: 1,
  },
  {
    id: 'stm32g071rb',
    open: { RDP: 'level 0 (0xAA)' },
    arrives: { RDP: 'level 1 (0x00)' },
    locked: { RDP: 'level 1 (0x55)' },
    seconds: 0.02,
  },
  {
    id: 'atsamd21g18a',
    open: { 'DSU.PROT': 'not protected (0)' },
    locked: { 'DSU.PROT': 'protected (1)' },
    seconds: 0.05,
  },
];

function describedBy(id: string): ChipDescription {
  const file = new URL(`../../resources/chips/${id}.yaml`, import.meta.url);
  return ChipDescription.parse(parse(readFileSync(file, 'utf8')));
}

interface Opened {
  readonly target: Target;
  readonly protection: Protection;
  readonly io: IoContext;
  readonly link: CountingLink;
}

async function open(bench: Bench, chip: ChipDescription, faults: Faults = []): Promise<Opened> {
  const { link: inner, clock } = bench.connect(chip.id, 'P1', faults);
  const link = new CountingLink(inner);
  const io: IoContext = { clock, signal: new AbortController().signal };
  const target = await openAdiTarget(await openCmsisDap(link, io), { chip, interface: 'swd' }, io);
  const { protection } = target;
  if (!protection) throw new Error(`${chip.id} has no protection`);
  return { target, protection, io, link };
}

/** A unit that holds firmware, on a bench of its own. */
function benchWith(chip: ChipDescription): Bench {
  const bench = newBench();
  for (const { start, word } of flashMemories(chip).slice(0, 1)) {
    for (let at = 0; at < 64; at += word) bench.boardFor(chip.id, 'P1').chip.preload(start + at, 0x1234_5678);
  }
  return bench;
}

function firstWord(bench: Bench, chip: ChipDescription): number | undefined {
  return bench.boardFor(chip.id, 'P1').chip.peek(debugChip(chip).boot.vectors);
}

describe.each(CHIPS)('$id', ({ id, open: isOpen, locked: isLocked, arrives = isLocked, seconds }) => {
  const chip = describedBy(id);

  it('that comes locked says so, is not identified, and loses nothing by being asked', async () => {
    const bench = benchWith(chip);
    const { target, protection, io } = await open(bench, chip, PROTECTED);
    expect(await protection.read(io)).toMatchObject({ locked: true, observed: arrives });
    await expect(target.identify(io)).rejects.toMatchObject({ failure: { code: 'chip-protected' } });
    await target.close(io);
    expect(firstWord(bench, chip)).toBe(0x1234_5678);
  });

  it('is opened by a mass erase, which takes its time, tells of its progress, and lasts', async () => {
    const bench = benchWith(chip);
    const { target, protection, io } = await open(bench, chip, PROTECTED);
    const done: number[] = [];
    const told = await protection.readUid(io);
    const began = io.clock.monotonic();
    expect(await protection.unlock(io, (bytes) => done.push(bytes))).toMatchObject({ locked: false, observed: isOpen });
    expect(io.clock.monotonic() - began).toBeGreaterThan(seconds * 1000);
    const total = flashMemories(chip).reduce((sum, { size }) => sum + size, 0);
    expect(done.at(-1)).toBe(total);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    const identity = await target.identify(io);
    expect(identity.locks).toMatchObject(isOpen);
    // Read-out protection hides the flash of an STM32, not who it is.
    expect(told).toBe(id.startsWith('stm32') ? identity.uid : null);
    expect(firstWord(bench, chip)).toBe(0xffff_ffff);
    await target.close(io);

    const later = await open(bench, chip);
    expect(await later.protection.read(later.io)).toMatchObject({ locked: false });
    expect(await later.protection.unlock(later.io)).toMatchObject({ locked: false });
    await later.target.close(later.io);
  });

  it('is locked, and locked again after a power cycle, and opened again', async () => {
    const bench = benchWith(chip);
    const first = await open(bench, chip);
    expect(await first.protection.read(first.io)).toMatchObject({ locked: false, observed: isOpen });
    expect(await first.protection.lock(first.io)).toMatchObject({ locked: true, observed: isLocked });
    await first.target.close(first.io);
    const second = await open(bench, chip);
    await expect(second.target.identify(second.io)).rejects.toMatchObject({ failure: { code: 'chip-protected' } });
    expect(await second.protection.unlock(second.io)).toMatchObject({ locked: false });
    await second.target.close(second.io);
  });

  it('survives an unplug at any packet of its unlocking: a clear end, and the next attempt opens it', async () => {
    const probe = await open(benchWith(chip), chip, PROTECTED);
    let sent = 0;
    probe.link.onWrite = () => sent++;
    await probe.protection.unlock(probe.io);
    const packets = sent;
    const opening = await packetsToOpen(chip);
    const step = Math.max(1, Math.floor(packets / 25));
    for (let after = opening; after < opening + packets; after += after < opening + 12 ? 1 : step) {
      const bench = benchWith(chip);
      const { target, protection, io } = await open(bench, chip, [...PROTECTED, { kind: 'unplug', after }]);
      await expect(protection.unlock(io), `packet ${after}`).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
      await target.close(io);
      const again = await open(bench, chip);
      expect(await again.protection.unlock(again.io)).toMatchObject({ locked: false });
      await again.target.close(again.io);
    }
  });

  it('whose erase is cut short by its supply ends as a failure of ours to name, never as open', async () => {
    const bench = benchWith(chip);
    const after = (await packetsToOpen(chip)) + 8;
    const { target, protection, io } = await open(bench, chip, [...PROTECTED, { kind: 'power-cut', after }]);
    const failure = await protection.unlock(io).then(
      () => null,
      (error: unknown) => error,
    );
    if (!(failure instanceof FlashlineError)) throw failure;
    expect(['no-target', 'wire-noise', 'unlock-failed', 'flash-timeout']).toContain(failure.failure.code);
    await target.close(io);
  });
});

async function packetsToOpen(chip: ChipDescription): Promise<number> {
  const { link: inner, clock } = newBench().connect(chip.id, 'P1', PROTECTED);
  const link = new CountingLink(inner);
  let sent = 0;
  link.onWrite = () => sent++;
  const io: IoContext = { clock, signal: new AbortController().signal };
  await openAdiTarget(await openCmsisDap(link, io), { chip, interface: 'swd' }, io);
  return sent;
}
