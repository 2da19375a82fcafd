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
  const look = (unit: Uint8Array, wanted: Uint8Array, giveUpAt = Infinity) => {
    let hashed = 0;
    let asked = 0;
    const found = findSame({
      wanted,
      page: PAGE,
      part: () => PAGE * 32,
      isSame: (offset, part) => {
        hashed += part.length;
        asked += 1;
        return Promise.resolve(part.every((byte, index) => unit[offset + index] === byte));
      },
      giveUpAt,
      now: () => 0,
    });
    return found.then((same) => ({ same, hashed, asked }));
  };

  it('never calls a page the same that is not, and finds all where some sample is right', async () => {
    await assert(
      asyncProperty(integer({ min: 1, max: 80 }), array(nat(79), { maxLength: 12 }), async (pages, spoiled) => {
        const wanted = Uint8Array.from({ length: pages * PAGE }, (_, index) => (index * 31) % 251);
        const unit = wanted.slice();
        for (const page of spoiled) if (page < pages) unit[page * PAGE + 5] = 255;
        const { same } = await look(unit, wanted);
        const right = Array.from({ length: pages }, (_, page) => !spoiled.includes(page));
        same.forEach((isSame, page) => expect(!isSame || right[page]).toBe(true));
        expect(same).toEqual(same.includes(true) ? right : right.map(() => false));
      }),
      { numRuns: numRuns / 10 },
    );
  });

  it('costs one pass of an unchanged unit, and a few pages of another', async () => {
    const wanted = Uint8Array.from({ length: 256 * PAGE }, (_, index) => (index * 31) % 251);
    expect((await look(wanted, wanted)).hashed).toBe(wanted.length + PAGE);
    expect((await look(new Uint8Array(wanted.length), wanted)).hashed).toBe(8 * PAGE);
    const changed = wanted.slice();
    changed[31 * PAGE] = 255;
    // Of each pair of halves the other one is known once one is right.
    expect((await look(changed, wanted)).hashed).toBe(wanted.length + PAGE + (16 + 8 + 4 + 2 + 1) * PAGE);
  });

  it('asks about as often as a changed stretch has pages', async () => {
    const wanted = Uint8Array.from({ length: 256 * PAGE }, (_, index) => (index * 31) % 251);
    for (const [first, count] of [
      [0, 16],
      [40, 16],
      [63, 2],
      [100, 30],
    ] as const) {
      const changed = wanted.slice().fill(255, first * PAGE, (first + count) * PAGE);
      const { same, asked } = await look(changed, wanted);
      expect(same.flatMap((isSame, page) => (isSame ? [] : [page]))).toEqual(
        Array.from({ length: count }, (_, index) => first + index),
      );
      // Eight parts, samples, the way down to the first that differs, and the way up behind the last.
      expect(asked).toBeLessThan(8 + 8 + count + 3 * Math.log2(32));
    }
  });
});
