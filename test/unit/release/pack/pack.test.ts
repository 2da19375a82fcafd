import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { readFlm } from '#main/image/flm.ts';
import { describePart, idOf } from '#main/release/pack/describe-part.ts';
import { openPack } from '#main/release/pack/open-pack.ts';
import { readPdsc } from '#main/release/pack/pdsc.ts';
import { ChipDescription } from '#shared/model/chip.ts';
import { toFailure } from '#shared/model/failure.ts';
import { PDSC, packOf } from '#test/support/flm/pack.ts';
import { tinyFlm } from './tiny-flm.ts';

describe('a pack’s description', () => {
  it('gives each part what its family, sub-family and device say', () => {
    const { vendor, name, version, devices } = readPdsc('x.pdsc', PDSC);
    expect([vendor, name, version]).toEqual(['Test', 'Parts_DFP', '1.2.3']);
    // A device with variants is each of them.
    expect(devices.map((device) => device.name)).toEqual(['nRF51822_xxAA', 'nRF51822_xxAB', 'nRF51822_xxAC']);
    const [aa, ab, ac] = devices;
    expect(aa).toMatchObject({ vendor: 'Nordic Semiconductor', core: 'Cortex-M0', clockHz: 2_000_000, ap: 0 });
    expect(aa?.algorithms[0]).toEqual({
      file: 'Flash/nrf51.FLM',
      start: 0,
      size: 0x40000,
      byDefault: true,
      ram: { start: 0x2000_0000, size: 0x2000 },
    });
    expect(ab?.memories.map(({ name: memory, size }) => [memory, size])).toEqual([
      ['IRAM1', 0x4000],
      ['IROM1', 0x20000],
    ]);
    // The same name below replaces the one above.
    expect(ac?.memories.find((memory) => memory.name === 'IRAM1')?.size).toBe(0x8000);
  });

  it.each([
    ['no XML', 'this is no XML', /./u],
    ['XML that is cut', PDSC.slice(0, PDSC.length / 2), /./u],
    ['another document', '<project/>', /no devices/u],
    ['an address that is none', PDSC.replace('start="0x20000000"', 'start="RAM"'), /start/u],
    ['an address beyond all memory', PDSC.replace('size="0x4000"', 'size="0x1000000000"'), /size/u],
  ])('that is %s is refused with what is wrong', (_, text, detail) => {
    const failure = toFailure(caught(() => readPdsc('x.pdsc', text)));
    expect(failure).toMatchObject({ code: 'pack-invalid', blame: 'recipe' });
    expect(failure.params['detail']).toMatch(detail);
  });

  it('does not expand entities without end', () => {
    const bomb = `<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "${'a'.repeat(1000)}">${Array.from(
      { length: 8 },
      (_, i) => `<!ENTITY e${i} "${`&${i === 0 ? 'a' : `e${i - 1}`};`.repeat(20)}">`,
    ).join('')}]><package><vendor>&e7;</vendor></package>`;
    expect(toFailure(caught(() => readPdsc('x.pdsc', bomb))).code).toBe('pack-invalid');
  });
});

describe('a part', () => {
  it('becomes a valid chip description with sectors as the algorithm has them', async () => {
    const sectors = [
      { size: 0x400, offset: 0 },
      { size: 0x1000, offset: 0x1000 },
    ];
    const pack = await openPack('x.pack', await packOf(tinyFlm({ sectors })));
    const [device] = pack.pack.devices;
    if (!device) throw new Error('no device');
    const { chip, algorithms } = await describePart(pack, device);
    expect(ChipDescription.parse(chip)).toEqual(chip);
    expect(chip).toMatchObject({
      id: 'nrf51822-xxaa',
      core: 'cortex-m0',
      source: 'CMSIS-Pack Test.Parts_DFP 1.2.3',
      swd: { maxHz: 2_000_000 },
      controller: { kind: 'flm' },
      boot: { vectors: 0 },
      locks: [],
    });
    expect(chip.identity.uid).toBeUndefined();
    expect(chip.memories).toMatchObject([
      { name: 'IROM1-1', start: 0, size: 0x1000, page: 0x400, word: 0x100, eraseMs: 30, wordUs: 10_000 },
      { name: 'IROM1-2', start: 0x1000, size: 0x3f000, page: 0x1000, word: 0x100 },
      { name: 'IRAM1', kind: 'ram' },
    ]);
    expect([...algorithms.keys()]).toEqual(chip.algorithms?.map(({ file }) => file));
  });

  it.each([
    ['a core that we run no code on', PDSC.replace('"Cortex-M0"', '"Cortex-A7"'), /Cortex-A7/u],
    ['no algorithm', PDSC.replaceAll(/<algorithm[^>]*>/gu, ''), /no flash algorithm/u],
    ['an algorithm that the pack lacks', PDSC.replaceAll('nrf51.FLM', 'gone.FLM'), /no file Flash\/gone\.FLM/u],
    [
      'an algorithm for other addresses',
      PDSC.replaceAll('start="0x00000000" size="0x40000" RAM', 'start="0x80000" size="0x400" RAM'),
      /other addresses/u,
    ],
  ])('with %s is refused', async (_, pdsc, detail) => {
    const pack = await openPack('x.pack', await packOf(tinyFlm(), pdsc));
    const [device] = pack.pack.devices;
    if (!device) throw new Error('no device');
    const failure = toFailure(await describePart(pack, device).catch((error: unknown) => error));
    expect(failure.code).toBe('pack-invalid');
    expect(failure.params['detail']).toMatch(detail);
  });

  it('has an id that a recipe can name', () => {
    fc.assert(fc.property(fc.string({ minLength: 1 }), (name) => /^[a-z0-9-]*$/u.test(idOf(name))));
    expect(idOf('STM32G071RBTxN')).toBe('stm32g071rbtxn');
  });
});

describe('damage', () => {
  it('at any place of a pack is pack-invalid, or harmless', async () => {
    const bytes = await packOf(tinyFlm());
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        expect(await importAll(damaged)).toMatch(/^(?:fine|pack-invalid)$/u);
      }),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        expect(await importAll(bytes.slice(0, length))).toBe('pack-invalid');
      }),
      { numRuns: 50 },
    );
  });

  it('at any place of an algorithm is pack-invalid, or harmless', () => {
    const bytes = tinyFlm();
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        const error = caught(() => readFlm('a.flm', damaged));
        expect(error === undefined ? 'pack-invalid' : toFailure(error).code).toBe('pack-invalid');
      }),
    );
    // The last section's header ends in fields that nobody needs.
    for (let length = 0; length < bytes.length - 16; length += 7) {
      expect(toFailure(caught(() => readFlm('a.flm', bytes.slice(0, length)))).code).toBe('pack-invalid');
    }
  });
});

async function importAll(bytes: Uint8Array): Promise<string> {
  try {
    const pack = await openPack('x.pack', bytes);
    for (const device of pack.pack.devices) await describePart(pack, device);
    return 'fine';
  } catch (error) {
    return toFailure(error).code;
  }
}

function caught(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
