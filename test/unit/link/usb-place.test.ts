import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { parseFtdiAddress } from '#main/app/connect/ftdi-address.ts';
import type { UsbControl } from '#main/link/usb-control.ts';
import { oneAt, parseUnitPlace, parseUsbPlace, type UsbPlace } from '#main/link/usb-place.ts';
import { openReportLink } from '#main/link/usb-report-link.ts';

describe('a place on USB', () => {
  it('is a serial or a port, with options behind it', () => {
    expect(parseUsbPlace('FT%20x')).toMatchObject({ place: { by: 'serial', serial: 'FT x' } });
    expect(parseUsbPlace('@1-2.3')).toMatchObject({ place: { by: 'port', portPath: '1-2.3' } });
    expect(parseUsbPlace('@1-2?a=b')?.options).toEqual(new Map([['a', 'b']]));
    for (const bad of ['', '@', '@x', '@1', '@1-', '?a=b', 'a?x=1&x=2', 'a b', '%zz']) {
      expect(parseUsbPlace(bad)).toBeUndefined();
    }
  });

  it('of an FTDI chip names channel and layout, and nothing else', () => {
    expect(parseFtdiAddress('@1-2')).toMatchObject({ channel: 'A', layout: 'generic' });
    expect(parseFtdiAddress('S?layout=tigard&channel=B')).toMatchObject({ channel: 'B', layout: 'tigard' });
    for (const bad of ['S?channel=C', 'S?layout=toString', 'S?speed=1', 'S?channel=']) {
      expect(parseFtdiAddress(bad)).toBeUndefined();
    }
  });

  it('is read or refused, whatever is written there', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => [parseUsbPlace(text), parseUnitPlace(text), parseFtdiAddress(text)]).not.toThrow();
      }),
      { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 },
    );
  });

  it('that two devices share is told with both', () => {
    const twins = ['1-1', '1-2'].map((portPath) => ({ serial: 'S', portPath }));
    const ask = (place: UsbPlace) => oneAt(place, 'url', twins, ({ portPath }) => `kind:@${portPath}`);
    expect(() => ask({ by: 'serial', serial: 'S' })).toThrow(FlashlineError);
    expect(() => ask({ by: 'serial', serial: 'S' })).toThrow(/probe-ambiguous.*kind:@1-1, kind:@1-2/u);
    expect(ask({ by: 'port', portPath: '1-2' })).toBe(twins[1]);
    expect(() => ask({ by: 'port', portPath: '1-3' })).toThrow(/probe-not-found/u);
  });
});

it('reports go to a claimed interface’s endpoints, and a device that cannot be claimed is closed again', async () => {
  const done: unknown[] = [];
  const io = {
    clock: { now: () => 0, monotonic: () => 0, sleep: async () => undefined },
    signal: new AbortController().signal,
  };
  const usb = (busy: boolean): UsbControl => ({
    url: 'u',
    controlIn: async () => new Uint8Array(),
    controlOut: async () => undefined,
    claim: async (number) => {
      done.push(['claim', number]);
      if (busy) throw new FlashlineError('probe-busy', { params: { url: 'u' } });
    },
    selectAlternate: async () => undefined,
    reset: async () => undefined,
    transferIn: async (endpoint, length) => {
      done.push(['in', endpoint, length]);
      return Uint8Array.of(7);
    },
    transferOut: async (endpoint, data) => void done.push(['out', endpoint, data.length]),
    close: async () => void done.push('close'),
  });
  const where = { interfaceNumber: 2, in: 3, out: 4, reportBytes: 64 };
  const link = await openReportLink(usb(false), where, io);
  await link.write(new Uint8Array(64), io);
  expect(await link.read(10, io)).toEqual(Uint8Array.of(7));
  await link.close();
  expect(done.splice(0)).toEqual([['claim', 2], ['out', 4, 64], ['in', 3, 64], 'close']);
  await expect(openReportLink(usb(true), where, io)).rejects.toThrow(/probe-busy/u);
  expect(done).toEqual([['claim', 2], 'close']);
});
