import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { SvfReader, type SvfScan, type SvfStatement } from '#main/image/svf.ts';

function read(text: string, piece = text.length + 1): SvfStatement[] {
  const reader = new SvfReader('a.svf');
  const bytes = new TextEncoder().encode(text);
  const out: SvfStatement[] = [];
  for (let at = 0; at < bytes.length; at += piece) out.push(...reader.push(bytes.subarray(at, at + piece)));
  reader.end();
  return out;
}

function scans(text: string): SvfScan[] {
  return read(text).filter((statement) => statement.kind === 'scan');
}

function failure(text: string) {
  try {
    read(text);
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
  return undefined;
}

describe('what a file says', () => {
  it('every command, in any case, over lines, with comments anywhere', () => {
    const text = `! header
TRST ABSENT; // none
enddr DRPAUSE;
ENDIR IRPAUSE ;
FREQUENCY 1.00E+06 HZ;
FREQUENCY;
State Reset IDLE;
SIR 5 TDI (1F ! five bits
  ) ;
SDR 36 TDI (0 12345678
 9)// nine digits
 TDO (F00000001) MASK
 (FFFF FFFFF);;
PIOMAP (IN BUSY OUT RESET);
PIO (HLUDXZ);
RUNTEST DRPAUSE 10 TCK 1E-3 SEC MAXIMUM 2 SEC ENDSTATE IDLE;
RUNTEST 7 SCK;
RUNTEST .5 SEC;`;
    expect(read(text)).toMatchObject([
      { kind: 'test-reset', mode: 'absent', line: 2 },
      { kind: 'frequency', hz: 1_000_000, line: 5 },
      { kind: 'frequency', hz: Infinity, line: 6 },
      { kind: 'state', path: ['reset', 'idle'], line: 7 },
      { kind: 'scan', register: 'ir', bits: 5, tdi: Uint8Array.of(0x1f), header: 0, end: 'irpause', line: 8 },
      {
        kind: 'scan',
        register: 'dr',
        bits: 36,
        tdi: Uint8Array.of(0x89, 0x67, 0x45, 0x23, 0x01),
        header: 0,
        end: 'drpause',
        expected: {
          tdo: Uint8Array.of(0x01, 0, 0, 0, 0x0f),
          mask: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f),
        },
        line: 10,
      },
      { kind: 'parallel', line: 15 },
      {
        kind: 'run-test',
        state: 'drpause',
        clocks: 10,
        clock: 'tck',
        minSeconds: 1e-3,
        maxSeconds: 2,
        end: 'idle',
        line: 16,
      },
      {
        kind: 'run-test',
        state: 'drpause',
        clocks: 7,
        clock: 'sck',
        minSeconds: 0,
        maxSeconds: Infinity,
        end: 'idle',
        line: 17,
      },
      {
        kind: 'run-test',
        state: 'drpause',
        clocks: 0,
        clock: 'tck',
        minSeconds: 0.5,
        maxSeconds: Infinity,
        end: 'idle',
        line: 18,
      },
    ]);
  });

  it('TDI and MASK are remembered while the length stays, TDO never is', () => {
    const found = scans('SDR 8 TDI (A5) TDO (01) MASK (0F); SDR 8; SDR 8 TDO (02); SDR 9 TDI (100) TDO (3);');
    expect(found.map(({ tdi }) => [...tdi])).toEqual([[0xa5], [0xa5], [0xa5], [0x00, 0x01]]);
    expect(found.map(({ expected }) => expected?.mask)).toEqual([
      Uint8Array.of(0x0f),
      undefined,
      Uint8Array.of(0x0f),
      Uint8Array.of(0xff, 0x01),
    ]);
  });

  it('header and trailer stand around every scan of their register, until they are of no bits', () => {
    const found = scans(
      'HDR 3 TDI (5) TDO (2) MASK (7); TDR 6 TDI (3F); SDR 8 TDI (00); SIR 2 TDI (1); HDR 0; TDR 0; SDR 8;',
    );
    expect(found.map(({ bits, header }) => [bits, header])).toEqual([
      [17, 3],
      [2, 0],
      [8, 0],
    ]);
    expect([...(found[0]?.tdi ?? [])]).toEqual([0x05, 0xf8, 0x01]);
    expect(found[0]?.expected).toEqual({ tdo: Uint8Array.of(2, 0, 0), mask: Uint8Array.of(7, 0, 0) });
    expect(found[2]?.expected).toBeUndefined();
  });

  it('RUNTEST remembers its states: naming the one sets the other', () => {
    const text =
      'RUNTEST 1 TCK; RUNTEST IRPAUSE 1 TCK; RUNTEST 1 TCK ENDSTATE RESET; RUNTEST 1 TCK; RUNTEST IDLE 1 TCK;';
    expect(read(text).map((found) => (found.kind === 'run-test' ? [found.state, found.end] : []))).toEqual([
      ['idle', 'idle'],
      ['irpause', 'irpause'],
      ['irpause', 'reset'],
      ['irpause', 'reset'],
      ['idle', 'idle'],
    ]);
  });

  it('is the same however it arrives', () => {
    const text = 'SDR 16 TDI (AB\r\nCD) TDO (1234); // note\r\nSIR 4 TDI (F); ! end\nRUNTEST 5 TCK;';
    const whole = read(text);
    expect(whole.map(({ line }) => line)).toEqual([1, 3, 4]);
    for (let piece = 1; piece < text.length; piece++) expect(read(text, piece)).toEqual(whole);
  });

  it('a long scan comes through, bit for bit', () => {
    const digits = Array.from({ length: 100_001 }, (_, i) => ((i * 7) % 16).toString(16));
    const [scan] = scans(`SDR ${digits.length * 4} TDI (${digits.join('').replaceAll(/(.{120})/gu, '$1\n')});`);
    const back = digits.toReversed().map((_, i) => (((scan?.tdi[i >> 1] ?? 0) >> (4 * (i & 1))) & 0xf).toString(16));
    expect(back.toReversed().join('')).toBe(digits.join(''));
  });
});

describe('what is wrong with a file', () => {
  it.each([
    ['STATE IDLE;\nSDX 8 TDI (00);', 2, /ENDDR, ENDIR/],
    ['SDR TDI (00);', 1, /number of bits/],
    ['SDR 8;', 1, /TDI: nothing of 8 bits/],
    ['SDR 8 TDI (00);\nSDR 9;', 2, /nothing of 9 bits/],
    ['SDR 8 TDI (100);', 1, /TDI of at most 8 bits/],
    ['SDR 5 TDI (1F) TDO\n(20);', 2, /TDO of at most 5 bits/],
    ['SDR 8 TDI (0G);', 1, /hexadecimal digit/],
    ['SDR 8 TDI 00;', 1, /between parentheses/],
    ['SDR 8 TDI (00) TDI (00);', 1, /each once/],
    ['SDR 8 TDI (00)\n\n', 1, /semicolon; the file may be cut/],
    ['\nSDR 8 TDI (00\n', 2, /closing parenthesis; the file may be cut/],
    ['SDR 8 TDI (00 ! open\n', 1, /closing parenthesis/],
    ['ENDDR SHIFT;', 1, /RESET, IDLE, DRPAUSE, IRPAUSE/],
    ['STATE DRSHIFT;', 1, /path that ends in/],
    ['STATE IDLE DRSHIFT IDLE;', 1, /a state that follows IDLE/],
    ['STATE;', 1, /name of a TAP state/],
    ['RUNTEST IDLE;', 1, /clocks, or of seconds/],
    ['RUNTEST 1.5 TCK;', 1, /whole number of clocks/],
    ['RUNTEST 10 TCK 2 SEC MAXIMUM 1 SEC;', 1, /maximum that is not below/],
    ['RUNTEST 10;', 1, /TCK, SCK or SEC/],
    ['RUNTEST 1 SEC ENDSTATE;', 1, /RESET, IDLE/],
    ['FREQUENCY 10;', 1, /HZ/],
    ['FREQUENCY 0 HZ;', 1, /frequency of at least/],
    ['TRST MAYBE;', 1, /ON, OFF, Z, ABSENT/],
    ['TRST ABSENT;\nTRST ON;', 2, /no TRST after/],
    ['TRST ON OFF;', 1, /semicolon/],
    ['STATE IDLE; /x', 1, /second \//],
    ['PIO HH;', 1, /opening parenthesis/],
    ['STATE ID\u0001LE;', 1, /word, a number/],
    ['SDR 8 TDI (00));', 1, /word, a number/],
    ['SDR 99999999999 TDI (0);', 1, /number of bits/],
  ])('%j: line %i', (text, line, expected) => {
    const found = failure(text);
    expect(found).toMatchObject({ code: 'svf-syntax', blame: 'recipe', where: { file: 'a.svf', line } });
    expect(found?.params['expected']).toMatch(expected);
  });

  it('whatever the bytes are, it is read or it is a syntax error, at a line that the file has', () => {
    const words = fc.constantFrom(
      'SDR',
      '8',
      'TDI',
      '(',
      ')',
      'FF',
      ';',
      '\n',
      ' ',
      '!',
      '//',
      'STATE',
      'IDLE',
      'RUNTEST',
      'TCK',
      'HIR',
      '\u0000',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(words, { maxLength: 60 }).map((all) => all.join(' ')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const found = failure(text);
        const line = found?.where.line ?? 1;
        expect(found?.code ?? 'svf-syntax').toBe('svf-syntax');
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(text.split(/\r\n|\r|\n/u).length);
      }),
      { numRuns: 500 },
    );
  });

  it('a binary file is refused at once, not gathered', () => {
    expect(failure('a'.repeat(1_000_000))?.params['expected']).toMatch(/no SVF/);
    expect(failure('a '.repeat(1000))?.params['expected']).toMatch(/no SVF/);
  });
});
