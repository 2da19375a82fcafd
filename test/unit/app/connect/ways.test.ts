import { describe, expect, it } from 'vitest';
import { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { Interface } from '#shared/model/recipe.ts';
import { checkProbeUrl, interfaceAt, jtagPinsOf, probeWays, wayOf } from '#main/app/connect/ways.ts';

const failed = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof FlashlineError ? error.failure.code : String(error);
  }
};

const memory = {
  kind: 'flash',
  name: 'f',
  start: 0,
  size: 256,
  page: 256,
  word: 1,
  erased: 255,
  eraseMs: 1,
  wordUs: 1,
};
const chip = ChipDescription.parse({
  schema: 1,
  id: 'x',
  name: 'X',
  source: '',
  memories: [memory],
  i2c: { kind: 'atecc', revisions: [1] },
});

describe('ways to units', () => {
  it('are told apart by how their addresses begin, none a part of another’s', () => {
    const prefixes = probeWays(null).map(({ prefix }) => prefix);
    for (const one of prefixes) {
      expect(one.endsWith(':')).toBe(true);
      expect(prefixes.filter((other) => other.startsWith(one))).toEqual([one]);
    }
  });

  it('know between them every interface that a recipe can name', () => {
    const reached = new Set(probeWays(null).flatMap(({ interfaces }) => interfaces));
    expect(Interface.options.filter((via) => !reached.has(via))).toEqual([]);
  });

  it.each(['', 'nrf52840', 'usb:1', 'bench:', 'bench:nrf52840?nonsense', 'gdb:tcp:host', 'cmsis-dap:'])(
    'refuse %j before anything is opened, and say how addresses look',
    (url) => {
      expect(failed(() => checkProbeUrl(url))).toBe('probe-address');
    },
  );

  it('reach a chip by what both have', () => {
    expect(interfaceAt('bench:x', chip)).toBe('i2c');
    expect(failed(() => interfaceAt('cmsis-dap:1', chip))).toBe('interface-unsupported');
    expect(
      failed(() =>
        wayOf('bench:cpld', probeWays(null)).parse('bench:cpld')({
          url: 'bench:cpld',
          chip,
          interface: 'i2c',
          serial: '',
        }),
      ),
    ).toBeDefined();
  });

  it('keep their JTAG pins to themselves where they have none', () => {
    expect(failed(() => jtagPinsOf('gdb:tcp:127.0.0.1:1', ''))).toBe('probe-unsuited');
    expect(failed(() => jtagPinsOf('gdb:nonsense', ''))).toBe('probe-address');
  });
});
