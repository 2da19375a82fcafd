import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { frame, GdbFramer, unescape } from '#main/bench/gdb/framing.ts';

describe('gdb packets', () => {
  it('any body survives framing, cut into any pieces, after any noise without a dollar', () => {
    const noise = fc
      .uint8Array({ maxLength: 8 })
      .map((bytes) => bytes.filter((byte) => ![0x24, 0x2d, 3].includes(byte)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), noise, fc.integer({ min: 1, max: 50 }), (body, before, cut) => {
        const stream = Uint8Array.from([...before, ...frame(body)]);
        const framer = new GdbFramer();
        const frames = [];
        for (let at = 0; at < stream.length; at += cut) frames.push(...framer.push(stream.subarray(at, at + cut)));
        expect(frames.map((found) => (found.kind === 'packet' ? unescape(found.body) : found.kind))).toEqual([body]);
      }),
    );
  });

  it('has the checksum of the manual: $OK#9a', () => {
    expect(Buffer.from(frame(Buffer.from('OK'))).toString()).toBe('$OK#9a');
  });

  it('damage is told, and the next packet is whole again', () => {
    const framer = new GdbFramer();
    expect(framer.push(Buffer.from('$OK#9b$OK#zz$g#67')).map((found) => found.kind)).toEqual([
      'damaged',
      'damaged',
      'packet',
    ]);
  });

  it('a packet without an end is given up, not kept for ever', () => {
    const framer = new GdbFramer();
    const kinds = framer.push(new Uint8Array(70_000).fill(0x41, 1).fill(0x24, 0, 1)).map((found) => found.kind);
    expect(kinds).toEqual(['damaged']);
  });
});
