import { describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { nodeFiles } from '#main/release/files.ts';
import { loadChips } from '#main/release/chip-library.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import { newBench } from './bench-run.ts';

const { get } = await loadChips(['resources/chips'], nodeFiles);

/** Opens, looks and identifies. */
async function look(chip: ChipDescription, wire: 'swd' | 'jtag', fitted = chip.id) {
  const { link, clock } = newBench().connect(fitted, 'L1');
  const io: IoContext = { clock, signal: new AbortController().signal };
  const target = await openAdiTarget(await openCmsisDap(link, io), { chip, interface: wire }, io);
  try {
    const identity = await target.identify(io);
    const view = await target.look?.(io);
    return { identity, view, reach: target.reach?.() };
  } finally {
    await target.close(io);
  }
}

describe('every chip of the bench is known by what it says of itself', () => {
  it.each([
    ['nrf51822', 'swd', 0x0bb1_1477, 'Cortex-M0 r0p0', undefined],
    ['nrf52840', 'swd', 0x2ba0_1477, 'Cortex-M4 r0p1', undefined],
    ['stm32f407vg', 'swd', 0x2ba0_1477, 'Cortex-M4 r0p1', undefined],
    ['stm32f407vg', 'jtag', 0x2ba0_1477, 'Cortex-M4 r0p1', undefined],
    ['stm32g071rb', 'swd', 0x0bc1_1477, 'Cortex-M0+ r0p1', 'STMicroelectronics STM32G07x/G08x'],
    ['atsamd21g18a', 'swd', 0x0bc1_1477, 'Cortex-M0+ r0p1', 'Atmel SAM with DSU'],
    // Three debug ports on one pair of wires: this is the first core's.
    ['rp2040', 'swd', 0x0bc1_2477, 'Cortex-M0+ r0p1', 'Raspberry Pi RP2040'],
  ] as const)('%s over %s', async (id, wire, dpidr, core, part) => {
    const chip = get(id);
    const { identity, view, reach } = await look(chip, wire);
    expect(identity.chip).toBe(id);
    expect(identity.uid === null).toBe(chip.identity.uid === undefined);
    expect(view?.debugPort.value).toBe(dpidr);
    expect(view?.core).toMatchObject({ name: core, core: chip.core });
    expect(view?.part?.name).toBe(part);
    expect(view?.accessPorts[0]).toMatchObject({ at: 0, id: { class: 'memory' } });
    expect(view?.components?.id?.class).toBe('rom-table');
    expect(reach).toMatchObject({ protocol: wire, askedHz: (wire === 'swd' ? chip.swd : chip.jtag)?.maxHz });
  });
});

describe('what does not fit together', () => {
  const failureOf = (work: Promise<unknown>) =>
    work.then(
      () => 'none',
      (error: unknown) => (error instanceof FlashlineError ? error.failure.code : 'not ours'),
    );

  it('a wire that the chip does not have', async () => {
    expect(await failureOf(look(get('nrf52840'), 'jtag'))).toBe('interface-unsupported');
  });

  it('a chip alone on its wires where one of several was expected, and the other way round', async () => {
    expect(['no-target', 'wrong-chip']).toContain(await failureOf(look(get('rp2040'), 'swd', 'stm32g071rb')));
    expect(['no-target', 'wrong-chip']).toContain(await failureOf(look(get('stm32g071rb'), 'swd', 'rp2040')));
  });

  it('each chip under every other one’s description is refused, and never with a blame on the unit', async () => {
    const ids = ['nrf51822', 'nrf52840', 'stm32f407vg', 'stm32g071rb', 'atsamd21g18a'];
    for (const id of ids) {
      for (const fitted of ids) {
        if (id === fitted) continue;
        const code = await failureOf(look(get(id), 'swd', fitted));
        expect(code, `${fitted} described as ${id}`).toBe('wrong-chip');
      }
    }
  });
});
