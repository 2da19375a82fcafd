import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { JtagChain } from '#main/bench/jtag/chain.ts';
import { Tap } from '#main/bench/jtag/tap.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { armIrLength, findTaps, splitIr } from '#main/probe/jtag/find-taps.ts';
import { chainPort } from '#test/support/chain-port.ts';

const io = () => ({ clock: new VirtualClock(0), signal: new AbortController().signal });

function tap(irLength: number, idcode: number | undefined, captureIr = 1): Tap {
  return new Tap({
    name: 't',
    irLength,
    captureIr,
    ...(idcode === undefined ? {} : { idcode: { instruction: 2, value: () => idcode } }),
  });
}

describe('finding TAPs', () => {
  it('finds any chain: IDCODEs, those without one, the sum and the single lengths', async () => {
    const anyTap = fc.record({
      irLength: fc.integer({ min: 2, max: 12 }),
      idcode: fc.option(
        fc.integer({ min: 0, max: 0x7ffffffe }).map((value) => (value * 2 + 1) >>> 0),
        { nil: undefined },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyTap, { minLength: 1, maxLength: 8 }), async (taps) => {
        fc.pre(taps.every(({ idcode }) => idcode !== 0xffffffff));
        const chain = new JtagChain(taps.map(({ irLength, idcode }) => tap(irLength, idcode)));
        const found = await findTaps(chainPort(chain), io());
        expect(found.taps.map(({ idcode }) => idcode)).toEqual(taps.map(({ idcode }) => idcode));
        expect(found.irBits).toBe(taps.reduce((sum, { irLength }) => sum + irLength, 0));
        expect(found.irLengths).toEqual(taps.map(({ irLength }) => irLength));
        expect(chain.state).toBe('reset');
      }),
      { numRuns: 100 },
    );
  });

  it('says nothing where what is captured can be cut in two ways, unless a part is known', async () => {
    // 1 0 1 0 1 0: two registers of 2 and 4 bits, or of 4 and 2.
    expect(splitIr([1, 0, 1, 0, 1, 0], [undefined, undefined])).toBeUndefined();
    expect(splitIr([1, 0, 1, 0, 1, 0], [4, undefined])).toEqual([4, 2]);
    const chain = new JtagChain([tap(4, 0x4ba00477, 0b0101), tap(4, 0x06413041, 0b0101)]);
    expect((await findTaps(chainPort(chain), io())).irLengths).toBeUndefined();
    expect((await findTaps(chainPort(chain), io(), armIrLength)).irLengths).toEqual([4, 4]);
  });

  it('a TDO that is stuck is no target', async () => {
    for (const stuck of [0, 1] as const) {
      const searching = findTaps(chainPort(new JtagChain([tap(4, 0x4ba00477)]), stuck), io());
      await expect(searching).rejects.toThrow(FlashlineError);
      await expect(searching).rejects.toMatchObject({ failure: { code: 'no-target' } });
    }
  });
});
