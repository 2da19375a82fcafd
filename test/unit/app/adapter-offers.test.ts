import { afterEach, describe, expect, it } from 'vitest';
import { type AdapterName, type Offer, type Wanted } from '#main/app/offers/offer.ts';
import { offer } from '#main/app/offers/offers.ts';
import { createBench } from '#main/bench/bench.ts';

const PLACE = { as: 'usbip', host: '127.0.0.1', port: 0 } as const;

function wanted(via: Wanted['via'], chip: string, adapter?: AdapterName): Wanted {
  const options = { startAt: 0, seed: 1 };
  const rest = { described: undefined, probe: 'high-speed', count: '1', haste: 1, tell: () => undefined } as const;
  return { bench: createBench(options), options, chip, via, serial: 'A', ...(adapter ? { adapter } : {}), ...rest };
}

describe('adapters that bench serve offers', () => {
  const open: Offer[] = [];
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });

  it.each([
    ['jtag', 'stm32f407vg', 'ftdi'],
    ['spi', 'gd25q64c', 'ftdi'],
    ['spi', 'w25q128jv', undefined],
    ['i2c', '24lc256', 'ftdi'],
    ['i2c', '24lc256', undefined],
  ] as const)('%s on %s by %s is one USB device', async (via, chip, adapter) => {
    const made = await offer(wanted(via, chip, adapter), PLACE);
    open.push(made);
    expect(made.busids).toEqual(['1-1']);
  });

  it.each([
    ['spi', 'gd25q64c', 'mcp2221', 'usage'],
    ['swd', 'stm32f407vg', 'ftdi', 'usage'],
    ['spi', 'no-such-flash', 'ftdi', 'chip-unknown'],
  ] as const)('%s on %s by %s is none', async (via, chip, adapter, code) => {
    await expect(offer(wanted(via, chip, adapter), PLACE)).rejects.toMatchObject({ failure: { code } });
  });
});
