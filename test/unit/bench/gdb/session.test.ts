import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { createBench } from '#main/bench/bench.ts';
import { frame } from '#main/bench/gdb/framing.ts';
import { GdbSession } from '#main/bench/gdb/session.ts';

function session() {
  const board = createBench({ startAt: 0, seed: 2 }).boardFor('nrf52840', 'G1');
  const gdb = new GdbSession(board);
  const ask = (packet: string) => gdb.handle(Buffer.from(packet, 'latin1')).bodies.at(-1);
  return { board, gdb, ask };
}

describe('a gdb session', () => {
  it('whatever is asked, it answers, and the board goes on', () => {
    const start = fc.constantFrom(
      '',
      'm',
      'M',
      'X',
      'p',
      'P',
      'g',
      'G',
      'Z0,',
      'vFlashErase:',
      'vFlashWrite:',
      'qXfer:features:read:',
      'qRcmd,',
      'H',
      '?',
    );
    const rest = fc.string({
      unit: fc.constantFrom(...Array.from('0123456789abcdef,:;=}#zZ\u0000\u00ff')),
      maxLength: 24,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(start, rest), { maxLength: 20 }), (packets) => {
        const { ask, gdb } = session();
        for (const [head, tail] of packets) {
          for (const body of gdb.handle(Buffer.from(head + tail, 'latin1')).bodies) frame(Buffer.from(body));
        }
        expect(ask('m10000100,4')).toBe('40280500');
      }),
    );
  });

  it('documents come in pieces, marked m until the last, marked l', () => {
    const { ask } = session();
    let text = '';
    for (let offset = 0; ; offset += 100) {
      const piece = ask(`qXfer:memory-map:read::${offset.toString(16)},64`) ?? '';
      text += piece.slice(1);
      if (piece.startsWith('l')) break;
    }
    expect(text).toMatch(/^<\?xml.*<\/memory-map>\n$/s);
    expect(ask('qXfer:features:read:other.xml:0,64')).toBe('E00');
  });

  it('flash by vFlash: neighbours of an odd range stay, outside of flash is an error', () => {
    const { ask, board } = session();
    board.chip.preload(0x1000, 0x11223344);
    expect(ask('vFlashWrite:1006:\u0001\u0002\u0003')).toBe('OK');
    expect([0x1000, 0x1004, 0x1008].map((address) => board.chip.peek(address))).toEqual([
      0x11223344, 0x0201ffff, 0xffffff03,
    ]);
    expect(ask('vFlashErase:1000,1000')).toBe('OK');
    expect(board.chip.peek(0x1000)).toBe(0xffffffff);
    expect(ask('vFlashErase:20000000,1000')).toBe('E01');
  });

  it('a reset to halt starts from the vectors', () => {
    const { ask, board } = session();
    board.chip.preload(0, 0x20001000);
    board.chip.preload(4, 0x00000401);
    ask(`qRcmd,${Buffer.from('reset halt').toString('hex')}`);
    expect([ask('pd'), ask('pf'), ask('p10')]).toEqual(['00100020', '00040000', '00000001']);
  });
});
