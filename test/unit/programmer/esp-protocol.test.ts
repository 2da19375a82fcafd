import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  integer,
  nat,
  oneof,
  property,
  tuple,
  uint8Array,
} from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { concat } from '#shared/base/bytes.ts';
import { commandOf, FrameBuffer, framed } from '#main/bench/uart/esp/frames.ts';
import { blockRequest, checksumOf, OP, parseResponse, request, statusOf } from '#main/programmer/esp/commands.ts';
import { findSame } from '#main/programmer/esp/find-same.ts';
import { flashSizeOf } from '#main/programmer/esp/flash-id.ts';
import { parseReset, RESETS } from '#main/programmer/esp/resets.ts';
import { parseSecurity } from '#main/programmer/esp/security.ts';
import { SlipReader, slipFrame } from '#main/programmer/esp/slip.ts';
import { loadStub } from '#main/programmer/esp/stub.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const bytes = uint8Array({ maxLength: 64 });
/** Bytes that SLIP has to escape are as likely as all others together. */
const awkward = array(oneof(constantFrom(0xc0, 0xdb, 0xdc, 0xdd), nat(255)), {
  minLength: 1,
  maxLength: 64,
});

describe('SLIP', () => {
  it('brings frames over whole, in whatever pieces, past what is no frame', () => {
    const noise = uint8Array({ maxLength: 20 }).map((some) => some.map((byte) => (byte === 0xc0 ? 0 : byte)));
    assert(
      property(array(tuple(noise, awkward), { maxLength: 5 }), integer({ min: 1, max: 40 }), (sent, piece) => {
        const line = concat(sent.flatMap(([before, frame]) => [before, slipFrame(Uint8Array.from(frame))]));
        const reader = new SlipReader();
        const found: Uint8Array[] = [];
        for (let at = 0; at < line.length; at += piece) found.push(...reader.take(line.subarray(at, at + piece)));
        expect(found).toEqual(sent.map(([, frame]) => Uint8Array.from(frame)));
        expect(reader.spoiled).toBe(0);
      }),
      { numRuns },
    );
  });

  it('is what the bench’s unit reads and writes', () => {
    assert(
      property(awkward, (frame) => {
        const buffer = new FrameBuffer(1000);
        const payload = Uint8Array.from(frame);
        const came = [...slipFrame(payload)].map((byte) => buffer.take(byte, 0)).filter((found) => found !== undefined);
        expect(came).toEqual([payload]);
        expect(new SlipReader().take(Uint8Array.from(framed(payload)))).toEqual([payload]);
      }),
      { numRuns },
    );
  });

  it('bears any bytes, in bounded room, and finds a frame after them', () => {
    assert(
      property(array(bytes, { maxLength: 8 }), (pieces) => {
        const reader = new SlipReader(32);
        for (const piece of pieces) {
          for (const frame of reader.take(piece)) expect(frame.length).toBeLessThanOrEqual(32);
        }
        // One delimiter ends whatever was begun, or begins an empty one.
        reader.take(Uint8Array.of(0xc0));
        const found = reader.take(slipFrame(Uint8Array.of(1, 2, 3)));
        expect(found.at(-1)).toEqual(Uint8Array.of(1, 2, 3));
      }),
      { numRuns },
    );
  });
});

describe('the loader’s answers', () => {
  it('are read without a throw, whatever comes, and only whole ones are taken', () => {
    assert(
      property(bytes, nat(40), (frame, at) => {
        const response = parseResponse(frame);
        if (!response) return;
        expect(frame[0]).toBe(1);
        expect(response.body.length).toBe(frame.length - 8);
        const status = statusOf(response.body, at);
        expect(status !== undefined || response.body[at] === 0).toBe(true);
      }),
      { numRuns },
    );
  });

  it('say what they refuse, of ROM and stub', () => {
    expect(statusOf(Uint8Array.of(0, 0, 0, 0), 0)).toBeUndefined();
    expect(statusOf(Uint8Array.of(1, 5, 0, 0), 0)).toMatchObject({ refusal: 'unsupported' });
    expect(statusOf(Uint8Array.of(1, 7, 0, 0), 0)).toMatchObject({ refusal: 'line' });
    expect(statusOf(Uint8Array.of(0xc4, 0), 0)).toMatchObject({ refusal: 'flash' });
    // Where data were to come first, a short answer is a refusal.
    expect(statusOf(Uint8Array.of(0xc1, 0), 16)).toMatchObject({ refusal: 'line' });
  });

  it('tell security whatever they say', () => {
    assert(
      property(uint8Array({ maxLength: 30 }), (data) => {
        const found = parseSecurity(data);
        expect(found !== undefined).toBe(data.length === 12 || data.length === 20);
      }),
      { numRuns },
    );
    expect(parseSecurity(Uint8Array.of(5, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0))).toEqual({
      secureBoot: true,
      secureDownload: true,
      flashEncryption: true,
    });
    expect(parseSecurity(Uint8Array.of(0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0))?.flashEncryption).toBe(false);
  });
});

describe('requests', () => {
  it('are what the bench’s unit understands, their checksum over the block alone', () => {
    assert(
      property(bytes, nat(1000), (block, sequence) => {
        const command = commandOf(blockRequest(OP.FLASH_DEFL_DATA, sequence, block));
        expect(command?.op).toBe(0x11);
        expect(command?.checksum).toBe(checksumOf(block));
        expect(command?.data.subarray(16)).toEqual(block);
      }),
      { numRuns },
    );
  });

  it('have the layout of the protocol’s documentation', () => {
    expect([...request(OP.READ_REG, Uint8Array.of(0, 0x10, 0, 0x40))]).toEqual([
      0, 0x0a, 4, 0, 0, 0, 0, 0, 0, 0x10, 0, 0x40,
    ]);
  });
});

describe('resets as words', () => {
  it('say lines and waits', () => {
    expect(parseReset('d0-r1-w100-d1-r0-w50-d0')).toEqual([
      { dtr: false },
      { rts: true },
      { waitMs: 100 },
      { dtr: true },
      { rts: false },
      { waitMs: 50 },
      { dtr: false },
    ]);
    expect(parseReset('usb-jtag-serial')).toBe(RESETS['usb-jtag-serial']);
    expect(parseReset('none')).toEqual([]);
    for (const wrong of ['', 'd2', 'w', 'x1', 'd0--r1', 'constructor', 'W100'])
      expect(parseReset(wrong)).toBeUndefined();
  });
});

describe('the flash’s id', () => {
  it('tells its size, and nothing where nobody answers', () => {
    expect(flashSizeOf(0x1640ef)).toBe(0x400000);
    expect(flashSizeOf(0x1820c8)).toBe(0x1000000);
    expect(flashSizeOf(0xffffff)).toBeUndefined();
    expect(flashSizeOf(0)).toBeUndefined();
  });
});

describe('stubs', () => {
  it.each(['esp32', 'esp32s2', 'esp32s3', 'esp32c2', 'esp32c3', 'esp32c6', 'esp32h2'] as const)(
    '%s comes with its package',
    async (name) => {
      const { entry, parts } = await loadStub(name);
      const [text] = parts;
      expect(entry >= (text?.address ?? 0) && entry < (text?.address ?? 0) + (text?.bytes.length ?? 0)).toBe(true);
    },
  );
});

describe('finding what is the same', () => {
  const PAGE = 64;
  interface Odds {
    readonly giveUpAt?: number;
    /** Parts, counted by pages, of which it is told at a glance that they differ, whatever they hold. */
    readonly lies?: (page: number) => boolean;
  }
  const look = (unit: Uint8Array, wanted: Uint8Array, { giveUpAt = Infinity, lies = () => false }: Odds = {}) => {
    let hashed = 0;
    let asked = 0;
    let misled = 0;
    const found = findSame({
      wanted,
      page: PAGE,
      part: () => PAGE * 16,
      areSame: (places, closely) => {
        asked += 1;
        return Promise.resolve(
          places.map(({ offset, bytes }) => {
            hashed += bytes.length;
            const isRight = bytes.every((byte, index) => unit[offset + index] === byte);
            return isRight && (closely || !lies(offset / PAGE));
          }),
        );
      },
      wasMisled: () => misled++,
      giveUpAt,
      now: () => 0,
    });
    return found.then((same) => ({ same, hashed, asked, misled }));
  };

  it('finds what is right whatever a glance says, where some sample is', async () => {
    const spoiled = array(nat(79), { maxLength: 12 });
    await assert(
      asyncProperty(integer({ min: 1, max: 80 }), spoiled, array(nat(79)), async (pages, others, lies) => {
        const wanted = Uint8Array.from({ length: pages * PAGE }, (_, index) => (index * 31) % 251);
        const unit = wanted.slice();
        for (const page of others) if (page < pages) unit[page * PAGE + 5] = 255;
        const { same } = await look(unit, wanted, { lies: (page) => lies.includes(page) });
        const right = Array.from({ length: pages }, (_, page) => !others.includes(page));
        same.forEach((isSame, page) => expect(!isSame || right[page]).toBe(true));
        expect(same).toEqual(same.includes(true) ? right : right.map(() => false));
      }),
      { numRuns: numRuns / 10 },
    );
  });

  it('costs one pass of an unchanged unit, and a few pages of another', async () => {
    const wanted = Uint8Array.from({ length: 256 * PAGE }, (_, index) => (index * 31) % 251);
    const unchanged = await look(wanted, wanted);
    expect([unchanged.hashed, unchanged.asked]).toEqual([wanted.length + PAGE, 2]);
    const other = await look(new Uint8Array(wanted.length), wanted);
    expect([other.hashed, other.asked]).toEqual([8 * PAGE, 2]);
    const changed = wanted.slice();
    changed[31 * PAGE] = 255;
    expect((await look(changed, wanted)).hashed).toBe(wanted.length + PAGE + 16 * PAGE);
  });

  it('asks anew about what one that lies has told, and tells so each time', async () => {
    const wanted = Uint8Array.from({ length: 64 * PAGE }, (_, index) => (index * 31) % 251);
    const always = await look(wanted, wanted, { lies: () => true });
    expect(always.same).not.toContain(false);
    expect(always.misled).toBe(4);
    const changed = wanted.slice().fill(255, 16 * PAGE, 17 * PAGE);
    const { same, misled } = await look(changed, wanted, { lies: () => true });
    expect(same.indexOf(false)).toBe(16);
    expect(misled).toBe(3);
  });

  it('looks closely at the first part that differs even where that does not pay, and at no other', async () => {
    const wanted = Uint8Array.from({ length: 64 * PAGE }, (_, index) => (index * 31) % 251);
    const changed = wanted.slice();
    changed[17 * PAGE] = 255;
    changed[33 * PAGE] = 255;
    const { same } = await look(changed, wanted, { giveUpAt: 0 });
    const others = same.flatMap((isSame, page) => (isSame ? [] : [page]));
    expect(others).toEqual([17, ...Array.from({ length: 16 }, (_, index) => 32 + index)]);
  });
});
