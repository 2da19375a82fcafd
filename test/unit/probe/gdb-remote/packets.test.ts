import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { framePacket, type Incoming, PacketParser } from '#main/probe/gdb-remote/packets.ts';
import { ascii, text } from '#main/probe/gdb-remote/text.ts';

const payloads = (items: readonly Incoming[]): string[] =>
  items.flatMap((item) => (item.kind === 'packet' ? [text(item.payload)] : []));

describe('the packet layer', () => {
  it('frames as the manual’s examples do', () => {
    expect(text(framePacket(ascii('OK')))).toBe('$OK#9a');
    expect(text(framePacket(ascii('')))).toBe('$#00');
    expect(text(framePacket(ascii('m0,4')))).toBe('$m0,4#fd');
  });

  it('undoes run lengths as the manual’s example does: "0* " is "0000"', () => {
    expect(payloads(new PacketParser().feed(ascii('$0* #7a')))).toEqual(['0000']);
  });

  it('gets every payload through, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 30 }),
        (sent, cuts) => {
          const stream = Buffer.concat(sent.flatMap((payload) => [ascii('+'), framePacket(payload)]));
          const parser = new PacketParser();
          const items: Incoming[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1;
            items.push(...parser.feed(stream.subarray(at, at + size)));
            at += size;
          }
          const got = items.flatMap((item) =>
            item.kind === 'packet' ? [Buffer.from(item.payload).toString('hex')] : [],
          );
          expect(got).toEqual(sent.map((payload) => Buffer.from(payload).toString('hex')));
          expect(items.filter((item) => item.kind === 'ack')).toHaveLength(sent.length);
        },
      ),
    );
  });

  it('notices any one byte of a packet that changed', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[0-9a-zA-Z,;:]{1,40}$/u),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (payload, where, flip) => {
          const frame = framePacket(ascii(payload));
          const at = 1 + (where % (frame.length - 1));
          frame[at] = (frame[at] ?? 0) ^ flip;
          // A hex digit in the other case is the same checksum.
          fc.pre(!(at > frame.length - 3 && flip === 0x20 && /[a-f]/iu.test(String.fromCharCode(frame[at] ?? 0))));
          expect(payloads(new PacketParser().feed(frame))).not.toContain(payload);
        },
      ),
    );
  });

  it('survives any bytes, and keeps no more of them than its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 40 }), (pieces) => {
        const parser = new PacketParser(256);
        const items = pieces.flatMap((piece) => parser.feed(piece));
        const longest = Math.max(0, ...items.map((item) => ('payload' in item ? item.payload.length : 0)));
        expect(longest).toBeLessThanOrEqual(256);
        expect(items.length).toBeLessThanOrEqual(pieces.reduce((sum, piece) => sum + piece.length, 0));
      }),
    );
  });

  it('gives up a packet that never ends', () => {
    const parser = new PacketParser(1000);
    const items = [ascii('$'), ...Array.from({ length: 11 }, () => ascii('0'.repeat(100)))].flatMap((part) =>
      parser.feed(part),
    );
    expect(items).toContainEqual({ kind: 'damaged', reason: 'a packet of more than 1000 bytes' });
    expect(payloads(parser.feed(ascii('$OK#9a')))).toEqual(['OK']);
  });

  it('gives up a run length bomb', () => {
    const body = `0${'*~'.repeat(50)}`;
    const items = new PacketParser(1000).feed(framed(body));
    expect(items).toEqual([{ kind: 'damaged', reason: 'a packet that expands to more than 1000 bytes' }]);
  });

  it('tells notifications and noise from replies', () => {
    const items = new PacketParser().feed(
      Buffer.concat([ascii('boot\r\n%'), framed('Stop:T05').subarray(1), ascii('$OK#9a')]),
    );
    expect(items.map((item) => item.kind)).toEqual(['noise', 'notification', 'packet']);
  });
});

/** A frame of raw bytes: nothing in them is escaped. */
function framed(body: string): Uint8Array {
  const sum = ascii(body).reduce((total, byte) => total + byte, 0) & 0xff;
  return ascii(`$${body}#${sum.toString(16).padStart(2, '0')}`);
}
