import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { concat } from '#shared/base/bytes.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import type { Link } from '#main/link/link.ts';
import { crc16 } from '#main/programmer/hf2/crc16.ts';
import { Hf2Client } from '#main/programmer/hf2/hf2-client.ts';
import { commandPackets, Hf2Reader } from '#main/programmer/hf2/hf2-packets.ts';
import { parseInfoUf2 } from '#main/programmer/uf2/info-uf2.ts';
import { FlashlineError } from '#shared/model/failure.ts';

const CASES = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;

describe('HF2 packets', () => {
  it('carry a command whole, the last one marked', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffff), fc.uint8Array({ maxLength: 400 }), (id, tag, data) => {
        const packets = commandPackets(id, tag, data);
        expect(packets.every((packet) => packet.length <= 64 && packet.length === 1 + ((packet[0] ?? 0) & 0x3f))).toBe(
          true,
        );
        expect(packets.map((packet) => (packet[0] ?? 0) & 0xc0)).toEqual(
          packets.map((_, at) => (at === packets.length - 1 ? 0x40 : 0)),
        );
        const message = concat(packets.map((packet) => packet.subarray(1)));
        const view = new DataView(message.buffer);
        expect([view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6)]).toEqual([id, tag, 0]);
        expect(message.subarray(8)).toEqual(data);
      }),
    );
  });

  it('are put together, whatever fills them up and whatever is printed between them', () => {
    const reader = new Hf2Reader();
    const packets = ['03010203abffff', '84070707070707', '0204050000', '42067f00ff', 'c100'];
    const found = packets.map((hex) => reader.push(Uint8Array.from(Buffer.from(hex, 'hex'))));
    const response = { tag: 0x0201, status: 3, statusInfo: 4, data: Uint8Array.of(5, 6, 0x7f) };
    expect(found).toEqual([undefined, undefined, undefined, response, undefined]);
  });

  it('of any kind end in a response, a complaint, or a wait', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 12 }), (packets) => {
        const reader = new Hf2Reader();
        const found = packets.map((packet) => reader.push(packet));
        const tags = found.flatMap((one) => (typeof one === 'object' ? [one.tag] : []));
        expect(tags.filter((tag) => tag > 0xffff)).toEqual([]);
      }),
      { numRuns: CASES },
    );
  });

  it('without an end are refused', () => {
    const reader = new Hf2Reader();
    const inner = new Uint8Array(64).fill(1);
    inner[0] = 63;
    let found: unknown;
    for (let i = 0; i < 2000 && found === undefined; i++) found = reader.push(inner);
    expect(found).toBe('a response without an end');
  });
});

describe('an HF2 device that says anything', () => {
  it('is answered with a failure of ours, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), async (packets) => {
        const clock = new VirtualClock(0);
        const io = { clock, signal: new AbortController().signal };
        const left = packets.slice();
        const link: Link = {
          kind: 'packet',
          url: 'hf2:x',
          write: () => Promise.resolve(),
          close: () => Promise.resolve(),
          read: () => {
            const next = left.shift();
            // Tags are guessed for it, or no answer would ever be looked at.
            if (next && next.length > 3) next.set([(next[0] ?? 0) | 0x43, 1, 0], 0);
            return next
              ? Promise.resolve(next)
              : Promise.reject(new FlashlineError('probe-silent', { params: { url: 'hf2:x', seconds: 1 } }));
          },
        };
        const found: unknown = await new Hf2Client(link).binInfo(io).catch((error: unknown) => error);
        expect(found instanceof FlashlineError || !(found instanceof Error)).toBe(true);
      }),
      { numRuns: CASES / 4 },
    );
  });
});

describe('CRC-16-CCITT', () => {
  it('is that of the catalogue’s check (CRC-16/XMODEM)', () => {
    expect(crc16(new TextEncoder().encode('123456789'))).toBe(0x31c3);
    expect(crc16(new Uint8Array(256))).toBe(0);
  });
});

describe('INFO_UF2.TXT', () => {
  it('is read with either end of line, whatever follows', () => {
    const text = 'UF2 Bootloader v1.1.3 SFA\nModel: Arduino Zero\nBoard-ID: SAMD21G18A-Zero-v0\nSoftDevice: no\n';
    const info = { bootLoader: 'UF2 Bootloader v1.1.3 SFA', model: 'Arduino Zero', boardId: 'SAMD21G18A-Zero-v0' };
    expect(parseInfoUf2(text)).toEqual(info);
    expect(parseInfoUf2(text.replaceAll('\n', '\r\n'))).toEqual(info);
  });

  it.each(['', 'Model: x\nBoard-ID: y', 'UF2 Bootloader v1\nModel: x', 'UF2\0\0'])('is none: %j', (text) => {
    expect(parseInfoUf2(text)).toBeUndefined();
  });

  it('may say anything', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseInfoUf2(`UF2 ${text}`)?.bootLoader ?? 'UF2').toContain('UF2');
      }),
      { numRuns: CASES },
    );
  });
});
