import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { hasPages, parseLayout } from '#main/programmer/dfu/layout-string.ts';
import { parseFunctional, parseStatus, stateName, statusName } from '#main/programmer/dfu/protocol.ts';
import { dfuMode, findDfuDevice, parseDfuAddress } from '#main/link/dfu-devices.ts';
import type { UsbDeviceInfo } from '#main/link/usb-device-info.ts';
import { toFailure } from '#shared/model/failure.ts';

const RUNS = { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 };
const KIB = 1024;

describe('a DfuSe layout', () => {
  it('is pages of the STM32F407, in the words of its ROM', () => {
    const layout = parseLayout('@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg');
    expect(layout?.name).toBe('Internal Flash');
    expect(layout?.groups.map(({ start, pages, pageBytes }) => [start, pages, pageBytes])).toEqual([
      [0x0800_0000, 4, 16 * KIB],
      [0x0801_0000, 1, 64 * KIB],
      [0x0802_0000, 7, 128 * KIB],
    ]);
    const can = { readable: true, erasable: true, writable: true };
    for (const group of layout?.groups ?? []) expect(group).toMatchObject(can);
  });

  it.each([
    ['a', true, false, false],
    ['b', false, true, false],
    ['c', true, true, false],
    ['d', false, false, true],
    ['e', true, false, true],
    ['f', false, true, true],
    ['g', true, true, true],
  ])('letter %s: read %s, erase %s, write %s', (letter, readable, erasable, writable) => {
    const layout = parseLayout(`@Option Bytes  /0x1FFFC000/01*016 ${letter}`);
    expect(layout?.groups).toEqual([{ start: 0x1fff_c000, pages: 1, pageBytes: 16, readable, erasable, writable }]);
  });

  it('may have several places, and sizes of bytes and megabytes', () => {
    const layout = parseLayout('@Flash/0x90000000/2*1Mg/0x20000000/16*0001Ba');
    expect(layout?.groups.map(({ start, pages, pageBytes }) => [start, pages, pageBytes])).toEqual([
      [0x9000_0000, 2, KIB * KIB],
      [0x2000_0000, 16, 1],
    ]);
  });

  it.each([
    'Internal Flash',
    '@Internal Flash',
    '@Flash/0x08000000',
    '@Flash/0x08000000/04*016K',
    '@Flash/0x08000000/04*016Kz',
    '@Flash/0x08000000/00*016Kg',
    '@Flash/0xFFFFFFFF/04*016Kg',
    '@Flash/8000000/04*016Kg',
    '@Flash/0x08000000/04*016Kg,',
  ])('is not %s', (name) => expect(parseLayout(name)).toBeUndefined());

  it('holds pages only of its own size, and where all of it can be done', () => {
    const layout = parseLayout('@Flash /0x08000000/02*016Kg,02*016Ka,01*064Kg');
    if (!layout) throw new TypeError('no layout');
    expect(hasPages(layout, 0x0800_0000, 32 * KIB, 16 * KIB)).toBe(true);
    expect(hasPages(layout, 0x0800_0000, 64 * KIB, 16 * KIB)).toBe(false);
    expect(hasPages(layout, 0x0800_0000, 16 * KIB, 8 * KIB)).toBe(false);
    expect(hasPages(layout, 0x0801_0000, 64 * KIB, 64 * KIB)).toBe(true);
    expect(hasPages(layout, 0x0801_0000, 128 * KIB, 64 * KIB)).toBe(false);
  });

  it('is read from any text without harm, and never beyond 4 GiB', () => {
    const piece = fc.oneof(fc.constantFrom('@', '/', '0x08000000', '04*016Kg', ',', '*', 'K', 'g'), fc.string());
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        for (const { start, pages, pageBytes } of parseLayout(pieces.join(''))?.groups ?? []) {
          expect(pages * pageBytes).toBeGreaterThan(0);
          expect(start + pages * pageBytes).toBeLessThanOrEqual(2 ** 32);
        }
      }),
      RUNS,
    );
  });
});

describe('answers of a device', () => {
  it('a status is six bytes that mean something', () => {
    expect(parseStatus(Uint8Array.of(3, 0x10, 0x27, 1, 10, 0))).toEqual({ status: 3, pollMs: 0x12710, state: 10 });
    expect(parseStatus(Uint8Array.of(0, 0, 0, 0, 2))).toBeUndefined();
    expect(parseStatus(Uint8Array.of(16, 0, 0, 0, 2, 0))).toBeUndefined();
    expect(parseStatus(Uint8Array.of(0, 0, 0, 0, 11, 0))).toBeUndefined();
    expect([statusName(11), stateName(10)]).toEqual(['errVENDOR', 'dfuERROR']);
  });

  it('a functional descriptor says what can be done, in both its lengths', () => {
    expect(parseFunctional(Uint8Array.of(9, 0x21, 0x0b, 0xff, 0, 0, 8, 0x1a, 1))).toEqual({
      canDownload: true,
      canUpload: true,
      manifestationTolerant: false,
      willDetach: true,
      detachTimeoutMs: 255,
      transferBytes: 2048,
      version: 0x011a,
    });
    expect(parseFunctional(Uint8Array.of(7, 0x21, 4, 0, 0, 64, 0))).toMatchObject({
      version: 0x0100,
      transferBytes: 64,
    });
    expect(parseFunctional(Uint8Array.of(9, 0x22, 4, 0, 0, 64, 0, 0, 0))).toBeUndefined();
  });

  it('may be any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const { pollMs = 0 } = parseStatus(bytes) ?? {};
        expect(pollMs).toBeLessThan(2 ** 24);
        const { transferBytes = 8 } = parseFunctional(Uint8Array.of(9, 0x21, ...bytes)) ?? {};
        expect(transferBytes >= 8 && transferBytes <= 4096).toBe(true);
      }),
      RUNS,
    );
  });
});

describe('a dfu: address', () => {
  const device = (portPath: string, serial: string, protocol = 2): UsbDeviceInfo => ({
    vendorId: '0483',
    productId: 'df11',
    release: '2200',
    serial,
    portPath,
    device: `1:${portPath}`,
    configuration: 1,
    settings: [
      {
        number: 0,
        alternate: 0,
        class: 0xfe,
        subclass: 1,
        protocol,
        nameIndex: 0,
        endpoints: [],
        extra: [],
        driver: null,
      },
    ],
    access: 'ok',
  });
  const failureOf = (work: () => unknown) => {
    try {
      return work();
    } catch (thrown) {
      return toFailure(thrown);
    }
  };

  it('is a port, or a serial number that only one has', () => {
    const all = [device('1-1', 'TWIN'), device('1-2', 'TWIN'), device('1-3.1', 'ONE', 1)];
    const find = (url: string) => findDfuDevice(parseDfuAddress(url), url, all);
    expect(find('dfu:1-2').device).toBe('1:1-2');
    expect(find('dfu:@1-3.1').serial).toBe('ONE');
    expect(find('dfu:ONE').portPath).toBe('1-3.1');
    expect(failureOf(() => find('dfu:TWIN'))).toMatchObject({
      code: 'probe-ambiguous',
      params: { candidates: 'dfu:1-1, dfu:1-2' },
    });
    expect(failureOf(() => find('dfu:1-9'))).toMatchObject({ code: 'probe-not-found' });
    expect(all.map(dfuMode)).toEqual(['loader', 'loader', 'runtime']);
    expect(dfuMode({ settings: [] })).toBeUndefined();
  });

  it.each(['dfu:', 'dfu:@', 'dfu:a b', 'dfu:%zz', 'dfu'])('is not %j', (url) => {
    expect(failureOf(() => parseDfuAddress(url))).toMatchObject({ code: 'probe-address' });
  });
});
