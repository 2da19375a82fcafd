import { createHash } from 'node:crypto';
import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Hf2Digest } from '#shared/model/interfaces/hf2.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { InBootLoader } from '#main/bench/uf2/in-boot-loader.ts';
import { Hf2BenchLink } from '#main/bench/uf2/hf2-bench-link.ts';
import { Uf2Bench } from '#main/bench/uf2/uf2-bench.ts';
import type { Link } from '#main/link/link.ts';
import { SYST_CSR, VTOR } from '#main/programmer/hf2/digest-code.ts';
import { proofLine, proofOf } from '#main/app/commands/plan-lines.ts';
import { Hf2Flash } from '#main/programmer/hf2/hf2-flash.ts';
import { Hf2Client } from '#main/programmer/hf2/hf2-client.ts';
import { murmur3 } from '#main/programmer/hf2/murmur3.ts';
import { UnitDigest } from '#main/programmer/hf2/unit-digest.ts';

const DIGEST: Hf2Digest = { code: 'sha256-v6m', ram: 0x20006000, vectors: 0 };
const APP = 0x2000;
const SIZE = 4500;
const WRITE_WORDS = 9;
const READ_WORDS = 8;
const CASES = process.env['FLASHLINE_NIGHTLY'] ? 10_000 : 40;

interface Bent {
  readonly digest?: Partial<Hf2Digest>;
  readonly firmware?: number;
  readonly faults?: Faults;
  /** Before a packet goes out: another one goes, or something happens to the unit. */
  readonly out?: (packet: Uint8Array, unit: InBootLoader) => Uint8Array;
  readonly in?: (packet: Uint8Array) => Uint8Array;
  readonly before?: (unit: InBootLoader) => void;
}

function set(bench = new Uf2Bench({ startAt: 0, seed: 1 }), bent: Bent = {}) {
  const unit = bench.plugIn('atsamd21g18a', 'A', bent.faults);
  const { chip, clock } = unit.board;
  const data = Uint8Array.from({ length: SIZE }, (_, index) => (index * 41) >>> 2);
  for (let at = 0; at < SIZE; at += 4) chip.preload(APP + at, readU32(data, at));
  bent.before?.(unit);
  const inner = new Hf2BenchLink(unit, 'hf2:bench', undefined);
  const link: Link = {
    kind: inner.kind,
    url: inner.url,
    close: () => inner.close(),
    write: (packet, io) => inner.write(bent.out?.(packet.slice(), unit) ?? packet, io),
    read: async (ms, io) => {
      const packet = await inner.read(ms, io);
      return bent.in?.(packet) ?? packet;
    },
  };
  const client = new Hf2Client(link);
  const digest = new UnitDigest(client, { ...DIGEST, ...bent.digest }, bent.firmware ?? APP);
  const io: IoContext = { clock, signal: new AbortController().signal };
  const vtor = () => chip.read(VTOR, 4, clock.elapsedNs).value;
  return { bench, unit, client, digest, io, data, vtor };
}

/** The first packet of a command that begins with these words. */
function begins(packet: Uint8Array, command: number, address: number): boolean {
  return packet.length > 12 && readU32(packet, 1) === command && readU32(packet, 9) === address;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a unit’s own SHA-256', () => {
  it('is that of what it holds, wherever it begins and ends, and the boot loader is as it was', async () => {
    const { client, digest, io, data, vtor } = set();
    await client.binInfo(io);
    for (const [from, size] of [
      [0, SIZE],
      [1, 700],
      [6, 64],
      [2, 0],
      [4499, 1],
    ] as const)
      expect(await digest.of(APP + from, size, io)).toBe(sha256(data.subarray(from, from + size)));
    expect(digest.refusal).toBeUndefined();
    expect(vtor()).toBe(0);
    expect((await client.binInfo(io)).bootLoader).toBe(true);
  });

  it('is not asked for of so little that reading it costs less', async () => {
    const { client, digest, io, data } = set();
    await client.binInfo(io);
    expect(await digest.of(APP, 4000, io)).toBeUndefined();
    expect(digest.refusal).toBeUndefined();
    expect(await digest.of(APP, 4096, io)).toBe(sha256(data.subarray(0, 4096)));
    expect(await digest.of(APP, 4, io)).toBe(sha256(data.subarray(0, 4)));
  });

  it('goes with hashes of its pages, as many as there are', async () => {
    const { client, digest, io, data } = set();
    await client.binInfo(io);
    const whole = new Uint8Array(0x3e000).fill(0xff);
    whole.set(data);
    const wanted = Array.from({ length: 992 }, (_, index) => murmur3(whole.subarray(index * 256, (index + 1) * 256)));
    expect(await digest.pageHashes(256, APP, 992, io)).toEqual(wanted);
    expect(await digest.pageHashes(256, APP + 256, 3, io)).toEqual(wanted.slice(1, 4));
    expect(await digest.pageHashes(256, APP, 0, io)).toEqual([]);
    expect(await digest.pageHashes(64, APP, 1500, io)).toHaveLength(1500);
  });

  it('is made in parts, between which the boot loader looks after USB', async () => {
    const { client, digest, io, data, unit } = set();
    await client.binInfo(io);
    const whole = new Uint8Array(0xa004).fill(0xff);
    whole.set(data);
    let longest = 0;
    let last = unit.board.clock.elapsedNs;
    const read = unit.board.chip.read.bind(unit.board.chip);
    const watched: typeof read = (...args) => {
      const now = unit.board.clock.elapsedNs;
      longest = Math.max(longest, now - last);
      last = now;
      return read(...args);
    };
    Object.assign(unit.board.chip, { read: watched });
    const begun = io.clock.monotonic();
    expect(await digest.of(APP, whole.length, io)).toBe(sha256(whole));
    const ms = io.clock.monotonic() - begun;
    expect(ms).toBeLessThan(180);
    expect(longest).toBeGreaterThan(40e6);
    expect(longest).toBeLessThan(50e6);
  });

  it.each<[string, Bent, string]>([
    ['whose vectors are elsewhere', { digest: { vectors: 0x100 } }, 'its vectors are elsewhere'],
    ['whose stack is where the code would go', { digest: { ram: 0x20002000 } }, 'its stack begins at 0x20002F00'],
    ['whose RAM is not there', { digest: { ram: 0x20106000 } }, 'its stack begins at 0x20002F00'],
    ['whose vectors lead out of the boot loader', { firmware: 0x80 }, 'its vector 1 leads to 0x000000C1'],
    [
      'whose SysTick stands still',
      { before: ({ board }) => void board.chip.write(SYST_CSR, 4, 5, board.clock.elapsedNs) },
      'its SysTick does not run',
    ],
    [
      'whose SysTick takes no notice',
      {
        out: (packet, { board }) => {
          if (begins(packet, WRITE_WORDS, VTOR)) board.chip.write(SYST_CSR, 4, 5, board.clock.elapsedNs);
          return packet;
        },
      },
      'its SysTick does not run code in RAM',
    ],
    [
      'whose RAM loses a bit',
      {
        out: (packet) => {
          if (begins(packet, WRITE_WORDS, 0x20006200)) packet[40] = (packet[40] ?? 0) ^ 0x10;
          return packet;
        },
      },
      'its RAM does not hold what was put to 0x20006200',
    ],
    [
      'that hashes wrongly',
      {
        // A constant changes once it was read back.
        out: (packet, { board }) => {
          if (begins(packet, WRITE_WORDS, VTOR)) board.chip.write(0x20006208, 4, 1, board.clock.elapsedNs);
          return packet;
        },
      },
      'the digest of what is known is wrong',
    ],
  ])('is not asked of one %s', async (_, bent, refusal) => {
    const { client, digest, io, vtor } = set(undefined, bent);
    await client.binInfo(io);
    expect(await digest.of(APP, SIZE, io)).toBeUndefined();
    expect(digest.refusal).toBe(refusal);
    const before = io.clock.monotonic();
    expect(await digest.of(APP, SIZE, io)).toBeUndefined();
    expect(io.clock.monotonic()).toBe(before);
    expect(vtor()).toBe(0);
    expect((await client.binInfo(io)).bootLoader).toBe(true);
  });

  it.each([
    ['READ WORDS', READ_WORDS],
    ['WRITE WORDS', WRITE_WORDS],
  ])('is not asked of a boot loader that does not know %s', async (_, command) => {
    let asked = 0;
    const { client, digest, io } = set(undefined, {
      out: (packet) => {
        asked = packet.length > 4 ? readU32(packet, 1) : asked;
        return packet;
      },
      in: (packet) => (asked === command ? Uint8Array.of(0x44, packet[1] ?? 0, packet[2] ?? 0, 1, 0) : packet),
    });
    await client.binInfo(io);
    expect(await digest.of(APP, SIZE, io)).toBeUndefined();
    expect(digest.refusal).toBe(`command ${command} is not understood`);
  });

  it('is told before: by whom content will be proven, and why not by the unit', async () => {
    const well = set();
    await well.client.binInfo(well.io);
    const flash = new Hf2Flash(well.client, undefined, well.digest);
    expect(flash.digest).toMatchObject({ algorithm: 'sha256', refusal: undefined });
    expect(await flash.digest?.of(APP, SIZE, well.io)).toBe(sha256(well.data));
    expect(proofLine(proofOf(flash))).toBe('  In the end proven by a SHA-256 that the unit makes of it');
    const still = set(undefined, {
      before: ({ board }) => void board.chip.write(SYST_CSR, 4, 5, board.clock.elapsedNs),
    });
    await still.client.binInfo(still.io);
    const other = new Hf2Flash(still.client, undefined, still.digest);
    await other.digest?.of(APP, SIZE, still.io);
    expect(proofOf(other)).toEqual({ by: 'read', refusal: 'its SysTick does not run' });
    expect(proofLine(proofOf(other))).toContain('for the unit makes no digest: its SysTick does not run');
    expect(proofOf(new Hf2Flash(well.client, undefined))).toEqual({ by: 'read' });
  });

  it('that is broken off at any packet leaves a boot loader that works, and the next one is right', async () => {
    let packets = 0;
    const whole = set(undefined, { out: (packet) => (packets++, packet) });
    await whole.client.binInfo(whole.io);
    await whole.digest.of(APP, SIZE, whole.io);
    expect(packets).toBeGreaterThan(30);
    for (let after = 2; after < packets; after += 5) {
      let sent = 0;
      const broken = new AbortController();
      const made = set(undefined, {
        out: (packet) => {
          if (sent++ === after) broken.abort();
          return packet;
        },
      });
      await made.client.binInfo(made.io);
      const io = { clock: made.io.clock, signal: broken.signal };
      await expect(made.digest.of(APP, SIZE, io)).rejects.toMatchObject({ name: 'AbortError' });
      const next = new Hf2Client(new Hf2BenchLink(made.unit, 'hf2:bench', undefined));
      await next.binInfo(made.io);
      const again = new UnitDigest(next, DIGEST, APP);
      expect(await again.of(APP, SIZE, made.io)).toBe(sha256(made.data));
      expect(made.vtor()).toBe(0);
    }
  });

  it('by code that is torn ends in a fault: the boot loader hangs, the run says so, and power brings the unit back', async () => {
    const { bench, client, digest, io, data } = set(undefined, {
      // An undefined instruction, once all was read back.
      out: (packet, { board }) => {
        if (begins(packet, WRITE_WORDS, VTOR)) board.chip.write(0x20006310, 4, 0xdededede, board.clock.elapsedNs);
        return packet;
      },
    });
    await client.binInfo(io);
    await expect(digest.of(APP, SIZE, io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    await expect(client.binInfo(io)).rejects.toMatchObject({ failure: { code: 'probe-silent' } });
    const next = set(bench);
    await next.client.binInfo(next.io);
    expect(await next.digest.of(APP, SIZE, next.io)).toBe(sha256(data));
  });

  it('of a unit that is pulled out at any packet is not made up, and the next one is right', async () => {
    let packets = 0;
    const whole = set(undefined, { out: (packet) => (packets++, packet) });
    await whole.client.binInfo(whole.io);
    await whole.digest.of(APP, SIZE, whole.io);
    for (let after = 1; after < packets; after += 6) {
      const made = set(undefined, { faults: [{ kind: 'unplug', after }] });
      await made.client.binInfo(made.io);
      await expect(made.digest.of(APP, SIZE, made.io)).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
      const next = set(made.bench);
      await next.client.binInfo(next.io);
      expect(await next.digest.of(APP, SIZE, next.io)).toBe(sha256(next.data));
    }
  });

  it('is the right one, none, or one that fits nothing, whatever a device answers', async () => {
    const bench = new Uf2Bench({ startAt: 0, seed: 1 });
    const change = fc.record({ at: fc.nat(120), byte: fc.nat(63), flip: fc.integer({ min: 1, max: 255 }) });
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        let packets = 0;
        const { client, digest, io, data } = set(bench, {
          in: (packet) => {
            const spoiled = packet.slice();
            for (const { at, byte, flip } of changes) if (at === packets) spoiled[byte] = (spoiled[byte] ?? 0) ^ flip;
            packets++;
            return spoiled;
          },
        });
        const work = async () => {
          await client.binInfo(io);
          const told = await digest.of(APP, SIZE, io);
          if (told === undefined) return digest.refusal === undefined ? 'neither' : 'refused';
          return told === sha256(data) ? 'right' : 'wrong';
        };
        const end = await work().catch((error: unknown) => (error instanceof FlashlineError ? 'failure' : error));
        kinds.add(String(end));
      }),
      { numRuns: CASES },
    );
    // A wrong one is compared with the release's, and what it is of is read.
    expect([...kinds].filter((kind) => !['right', 'wrong', 'refused', 'failure'].includes(kind))).toEqual([]);
    expect(kinds.has('right') && kinds.has('refused')).toBe(true);
  });

  it('that the supply fails in leaves nothing behind', async () => {
    const first = set();
    await first.client.binInfo(first.io);
    await first.digest.of(APP, SIZE, first.io);
    const whole = first.io.clock.monotonic();
    for (let step = 1; step < 13; step++) {
      const made = set(undefined, { faults: [{ kind: 'power-cut', ms: (whole * step) / 13 }] });
      const work = async () => {
        await made.client.binInfo(made.io);
        return made.digest.of(APP, SIZE, made.io);
      };
      await expect(work()).rejects.toMatchObject({ failure: { code: 'probe-lost' } });
      const next = set(made.bench);
      await next.client.binInfo(next.io);
      expect(await next.digest.of(APP, SIZE, next.io)).toBe(sha256(made.data));
    }
  });
});
