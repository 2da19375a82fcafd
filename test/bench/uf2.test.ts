import { describe, expect, it } from 'vitest';
import { equalBytes, readU32 } from '#shared/base/bytes.ts';
import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { DriveFaults } from '#main/bench/uf2/bench-drive.ts';
import type { Uf2Bench } from '#main/bench/uf2/uf2-bench.ts';
import type { Link } from '#main/link/link.ts';
import type { ReleaseImage } from '#main/plan/layout.ts';
import { crc16 } from '#main/programmer/hf2/crc16.ts';
import { application, image } from './releases.ts';
import { putIn, runUf2, SAMD21, SEEN, uf2Bench, type Uf2RunOptions, type Way } from './uf2-run.ts';

const APP = 0x2000;
const SIZE = 2600;
/** Of this much the unit makes digests by HF2: less is read. */
const LARGE = 4500;
const OLD = application(SIZE, 1, APP);
const NEW = application(SIZE, 2, APP);
const WAYS: readonly Way[] = ['uf2', 'hf2'];

function bytesOf({ image: { segments } }: ReleaseImage): Uint8Array {
  return segments[0]?.data ?? new Uint8Array();
}

function cells(bench: Uf2Bench, address: number, size: number): Uint8Array {
  const { chip } = bench.boardFor(SAMD21.id, 'A');
  return Uint8Array.from({ length: size }, (_, i) => {
    const at = address + i;
    return ((chip.peek(at - (at % 4)) ?? 0) >>> (8 * (at % 4))) & 0xff;
  });
}

/** As in the other chips' tests: what the boot loader would start, if it would. */
function state(bench: Uf2Bench, old = OLD, next = NEW): 'old' | 'new' | 'refuses to boot' | 'TORN' {
  const found = cells(bench, APP, bytesOf(old).length);
  if (equalBytes(found, bytesOf(old))) return 'old';
  if (equalBytes(found, bytesOf(next))) return 'new';
  const flag = found.subarray(0, 8);
  return [old, next].some((release) => equalBytes(flag, bytesOf(release).subarray(0, 8))) ? 'TORN' : 'refuses to boot';
}

async function endOf(bench: Uf2Bench, way: Way, options: Uf2RunOptions, release = NEW): Promise<FailureCode | 'done'> {
  try {
    await runUf2(bench, way, [release], options);
    return 'done';
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure.code;
    throw error;
  }
}

/** As `boardWithOld`, without the time that its run takes. */
function boardHolding(release: ReleaseImage): Uf2Bench {
  const bench = uf2Bench();
  const { chip } = bench.boardFor(SAMD21.id, 'A');
  const bytes = new Uint8Array(Math.ceil(bytesOf(release).length / 4) * 4).fill(0xff);
  bytes.set(bytesOf(release));
  for (let at = 0; at < bytes.length; at += 4) chip.preload(APP + at, readU32(bytes, at));
  return bench;
}

async function boardWithOld(way: Way, release = OLD): Promise<Uf2Bench> {
  const bench = uf2Bench();
  await runUf2(bench, way, [release]);
  return bench;
}

describe.each(WAYS)('a SAM D21 in its UF2 boot loader, by %s', (way) => {
  it('gets firmware, has it read back, and starts it', async () => {
    const bench = uf2Bench();
    const loaderBefore = putIn(bench, way, 'A').loader;
    expect(loaderBefore.startsApplication).toBe(false);
    const before = cells(bench, 0, APP);
    const release = application(LARGE, 2, APP);
    const { identity, outcome, loader } = await runUf2(bench, way, [release]);
    expect(cells(bench, APP, LARGE)).toEqual(bytesOf(release));
    expect(loader.running).toBe('application');
    expect(Object.keys(outcome.readBack)).toEqual(['application']);
    expect(outcome.provenBy).toEqual(way === 'hf2' ? { application: 'sha256' } : {});
    expect(identity.uid).toMatch(/^[0-9a-f]{32}$/u);
    expect(cells(bench, 0, APP)).toEqual(before);
    expect(bench.boardFor(SAMD21.id, 'A').report().misuse).toEqual([]);
  });

  it('is not written where it holds the release already', async () => {
    const bench = await boardWithOld(way);
    const { plan, outcome } = await runUf2(bench, way, [OLD]);
    expect(plan.operations.map(({ op }) => op)).toEqual(['verify']);
    expect(outcome.bytesWritten).toBe(0);
    expect(bench.boardFor(SAMD21.id, 'A').report().flashOperations).toBe(0);
  });

  it('has only what changed written, and what stands elsewhere stays', async () => {
    const bench = await boardWithOld(way);
    const other = image('filesystem', { address: 0x8000, data: bytesOf(OLD) });
    await runUf2(bench, way, [OLD, other]);
    const changed = bytesOf(OLD).slice();
    changed.fill(0x55, 1024, 1536);
    const { plan } = await runUf2(bench, way, [image('application', { address: APP, data: changed })]);
    // Two pages, and the one with the vectors.
    expect(plan.bytesToWrite).toBe(3 * 256);
    expect(cells(bench, APP, SIZE)).toEqual(changed);
    expect(cells(bench, 0x8000, SIZE)).toEqual(bytesOf(OLD));
  });

  it('tells the same hardware id by either way', async () => {
    const bench = uf2Bench();
    const ids = [];
    for (const each of WAYS) ids.push((await runUf2(bench, each, [NEW])).identity.uid);
    expect(ids[0]).toBe(ids[1]);
  });

  it('is refused where it is another board', async () => {
    expect(await endOf(uf2Bench(), way, { faults: [{ kind: 'wrong-chip' }] })).toBe('wrong-chip');
  });

  it('is not left without firmware that it would start', async () => {
    const data = bytesOf(NEW).slice();
    // A reset vector in the boot loader's own part.
    data.set([1, 1, 0, 0], 4);
    const bench = uf2Bench();
    const running = runUf2(bench, way, [image('application', { address: APP, data })]);
    await expect(running).rejects.toMatchObject({ failure: { code: 'boot-loader-stays' } });
  });

  it.each<[string, Faults[number], FailureCode]>([
    ['pulled out', { kind: 'unplug', after: 40 }, 'probe-lost'],
    ['silent', { kind: 'silent', after: 40 }, 'probe-silent'],
  ])('a unit that is %s ends the run, and the next one succeeds', async (_, fault, code) => {
    const bench = await boardWithOld(way);
    const after = way === 'uf2' ? 8 : 120;
    expect(await endOf(bench, way, { faults: [{ ...fault, after } as Faults[number]] })).toBe(code);
    expect(state(bench)).not.toBe('TORN');
    expect(await endOf(bench, way, {})).toBe('done');
    expect(state(bench)).toBe('new');
  });

  it('after a power cut before any packet holds old or new firmware or starts neither, and the next run succeeds', async () => {
    const states = new Map<string, number>();
    // A few rows are enough to tear, and each of them is many packets by HF2.
    const [old, next] = [application(700, 3, APP), application(700, 4, APP)];
    for (let after = 0; ; after++) {
      const bench = boardHolding(old);
      const code = await endOf(bench, way, { faults: [{ kind: 'power-cut', after }] }, next);
      const found = state(bench, old, next);
      states.set(found, (states.get(found) ?? 0) + 1);
      if (code === 'done') break;
      expect(code).toBe('probe-lost');
      expect(await endOf(bench, way, {}, next)).toBe('done');
      expect(state(bench, old, next)).toBe('new');
    }
    expect(states.get('TORN')).toBeUndefined();
    expect(states.get('old')).toBeGreaterThan(0);
    expect(states.get('refuses to boot')).toBeGreaterThan(3);
  });

  it('after a power cut at any moment too, but for the drive’s last row', async () => {
    const [old, next] = way === 'hf2' ? [application(LARGE, 1, APP), application(LARGE, 2, APP)] : [OLD, NEW];
    const size = bytesOf(next).length;
    const whole = await runUf2(boardHolding(old), way, [next]);
    const states = new Map<string, number>();
    for (let step = 1; step < 40; step++) {
      const bench = boardHolding(old);
      const code = await endOf(bench, way, { faults: [{ kind: 'power-cut', ms: (whole.ms.all * step) / 40 }] }, next);
      expect(['probe-lost', 'done']).toContain(code);
      const found = state(bench, old, next);
      states.set(found, (states.get(found) ?? 0) + 1);
      // The boot loader writes a row's first 64 bytes first: in the 7.5 ms after them the vectors stand alone.
      const rest = equalBytes(cells(bench, APP + 256, size - 256), bytesOf(next).subarray(256));
      expect(found !== 'TORN' || (way === 'uf2' && rest)).toBe(true);
      expect(await endOf(bench, way, {}, next)).toBe('done');
    }
    expect(states.get('refuses to boot')).toBeGreaterThan(5);
  });
});

describe('a drive', () => {
  it.each<[string, DriveFaults, FailureCode | 'done']>([
    ['that gets blocks backwards', { order: 'backwards' }, 'done'],
    ['that gets blocks twice', { order: 'twice' }, 'done'],
    ['that has no room', { full: true }, 'probe-lost'],
    ['whose CURRENT.UF2 is too short', { currentSize: 4096 }, 'wrong-chip'],
    ['without CURRENT.UF2', { currentSize: 0 }, 'probe-unsuited'],
    ['that stays', { stays: true }, 'boot-loader-stays'],
  ])('%s', async (_, drive, code) => {
    const bench = await boardWithOld('uf2');
    expect(await endOf(bench, 'uf2', { drive })).toBe(code);
    expect(state(bench)).toBe(code === 'done' || code === 'boot-loader-stays' ? 'new' : 'old');
  });

  it('whose boot loader shows nothing of what it holds is refused with the other ways', async () => {
    const { clock, open } = putIn(uf2Bench(), 'uf2', 'A', { drive: { currentSize: 0 } });
    const opening = open({ clock, signal: new AbortController().signal });
    await expect(opening).rejects.toMatchObject({
      failure: {
        code: 'probe-unsuited',
        params: { detail: expect.stringContaining('program the chip by swd') as string },
      },
    });
  });
});

describe('HF2', () => {
  /** Another page with the same CRC-16: its last two bytes are searched for. */
  function sameCrc(page: Uint8Array): Uint8Array {
    const other = page.map((byte, index) => (index < 254 ? byte ^ 0x2a : 0));
    for (let tail = 0; tail < 65_536; tail++) {
      other.set([tail & 0xff, tail >>> 8], 254);
      if (crc16(other) === crc16(page)) return other;
    }
    throw new Error('no such page');
  }

  it.each([
    ['alone', [5]],
    ['beside others that are the same', [3, 5, 7, 8]],
    ['in a row', [2, 3, 4, 5, 6]],
  ])('a page whose checksum only looks right is written: %s', async (_, pages) => {
    const bench = await boardWithOld('hf2');
    const data = bytesOf(OLD).slice();
    for (const index of pages) data.set(sameCrc(data.subarray(index * 256, (index + 1) * 256)), index * 256);
    const { outcome } = await runUf2(bench, 'hf2', [image('application', { address: APP, data })]);
    expect(outcome.bytesWritten).toBe((pages.length + 1) * 256);
    expect(cells(bench, APP, SIZE)).toEqual(data);
  });

  it.each<[string, (packet: Uint8Array) => Uint8Array, FailureCode | 'done']>([
    ['prints between its answers', (packet) => packet, 'done'],
    ['answers shorter than it says', (packet) => packet.subarray(0, 3), 'probe-protocol'],
    ['answers with nothing', () => new Uint8Array(), 'probe-protocol'],
    [
      'answers that a command is unknown',
      (packet) => packet.map((byte, at) => (at === 3 ? 1 : byte)),
      'probe-protocol',
    ],
    ['answers that a command failed', (packet) => packet.map((byte, at) => (at === 3 ? 2 : byte)), 'probe-protocol'],
  ])('a device that %s', async (_, spoil, code) => {
    const bench = await boardWithOld('hf2');
    const onLink = (link: Link): Link => spoiled(link, spoil, code === 'done');
    expect(await endOf(bench, 'hf2', { onLink })).toBe(code);
    expect(state(bench)).toBe(code === 'done' ? 'new' : 'old');
  });

  function spoiled(link: Link, spoil: (packet: Uint8Array) => Uint8Array, prints: boolean): Link {
    let reads = 0;
    return {
      kind: link.kind,
      url: link.url,
      write: (data, io) => link.write(data, io),
      close: () => link.close(),
      read: async (timeoutMs, io) => {
        if (prints && reads++ % 3 === 0) return Uint8Array.of(0x85, ...new TextEncoder().encode('hello'));
        return spoil(await link.read(timeoutMs, io));
      },
    };
  }

  it('is proven by reading all of it where the unit makes no digests, and the outcome says so', async () => {
    const bench = await boardWithOld('hf2');
    let read = 0;
    const onLink = (link: Link): Link => ({
      kind: link.kind,
      url: link.url,
      close: () => link.close(),
      read: (timeoutMs, io) => link.read(timeoutMs, io),
      write: async (packet, io) => {
        // READ WORDS of whole answers.
        if (packet.length > 16 && packet[1] === 8 && readU32(packet, 13) > 70) read += readU32(packet, 13) * 4;
        // SysTick's exception is switched off.
        const at = packet.length > 12 && packet[1] === 8 && readU32(packet, 9) === 0xe000ed08;
        const { chip, clock } = bench.boardFor(SAMD21.id, 'A');
        if (at) chip.write(0xe000e010, 4, 5, clock.elapsedNs);
        await link.write(packet, io);
      },
    });
    const release = application(LARGE, 2, APP);
    const { outcome } = await runUf2(bench, 'hf2', [release], { onLink });
    expect(outcome.provenBy).toEqual({});
    expect(read).toBeGreaterThan(LARGE - 308);
    expect(cells(bench, APP, LARGE)).toEqual(bytesOf(release));
  });

  it('a bit that fell in a page that is kept is seen by the unit’s digest, told by address, and mended', async () => {
    const old = application(LARGE, 1, APP);
    const bench = boardHolding(old);
    const address = APP + 2048 + 5;
    const changed = bytesOf(old).slice();
    changed.fill(0x55, 1024, 1280);
    const { outcome } = await runUf2(bench, 'hf2', [image('application', { address: APP, data: changed })], {
      faults: [{ kind: 'bit-rot', address, bit: 3, after: 3 }],
    });
    expect(outcome.rot).toEqual([expect.objectContaining({ address: APP + 2048, size: 256 })]);
    // Its only part was read, to find where it differs.
    expect(outcome.provenBy).toEqual({});
    expect(cells(bench, APP, LARGE)).toEqual(changed);
  });

  it('never asks for more than the boot loader’s buffer holds', async () => {
    const bench = uf2Bench();
    const { clock, open } = putIn(bench, 'hf2', 'A');
    const io = { clock, signal: new AbortController().signal };
    const unit = await open(io);
    const device = await unit.openFlash(io);
    const [memory] = SEEN.hf2.memories;
    if (memory?.kind !== 'flash') throw new Error('no flash');
    const wanted = new Uint8Array(memory.size).fill(0xff);
    expect(await device.holds?.(memory, memory.start, wanted, io)).toEqual(
      Array.from({ length: memory.size / 256 }, () => true),
    );
    expect(await device.read(memory.start, memory.size, io)).toEqual(wanted);
    await unit.close(io);
  });
});
