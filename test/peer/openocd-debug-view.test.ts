import { describe, expect, it } from 'vitest';
import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { createBench } from '#main/bench/bench.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { nodeFiles } from '#main/release/files.ts';
import { loadChips } from '#main/release/chip-library.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import type { DebugView } from '#main/target/debug-view.ts';
import type { Component } from '#main/target/rom-table.ts';
import { OpenOcd } from '#test/support/openocd.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** Debug port, core, and each component of the ROM table in the order of its entries. */
interface View {
  readonly dpidr: string;
  readonly idr: string;
  readonly core: string;
  readonly components: readonly (readonly [address: string, designer: number, part: number])[];
}

function oursAsView({ debugPort, accessPorts, core, components }: DebugView): View {
  const flat = ({ address, id, entries }: Component): View['components'] => [
    [hexAddress(address).toLowerCase(), id?.designer ?? 0, id?.part ?? 0],
    ...entries.flatMap(flat),
  ];
  return {
    dpidr: hexAddress(debugPort.value).toLowerCase(),
    idr: hexAddress(accessPorts[0]?.id.value ?? 0).toLowerCase(),
    core: core?.name ?? '',
    components: components ? flat(components) : [],
  };
}

function openocdsView(said: string): View {
  const component =
    /Component base address (0x[0-9a-f]+)\s+Peripheral ID.*\s+Designer is (0x[0-9a-f]+).*\s+Part is (0x[0-9a-f]+)/g;
  return {
    dpidr: /SWD DPIDR (0x[0-9a-f]+)/.exec(said)?.[1] ?? '',
    idr: /AP ID register (0x[0-9a-f]+)/.exec(said)?.[1] ?? '',
    core: /\] (Cortex-\S+ r\dp\d) processor detected/.exec(said)?.[1] ?? '',
    components: [...said.matchAll(component)].map(([, address = '', designer, part]) => [
      address,
      Number(designer),
      Number(part),
    ]),
  };
}

async function ours(chip: string): Promise<View> {
  const description = (await loadChips(['resources/chips'], nodeFiles)).get(chip);
  const { link, clock } = createBench({ startAt: 0, seed: 9 }).connect(chip, 'V1');
  const io: IoContext = { clock, signal: new AbortController().signal };
  const target = await openAdiTarget(await openCmsisDap(link, io), { chip: description, interface: 'swd' }, io);
  const view = await target.look?.(io);
  await target.close(io);
  if (!view) throw new Error('a target behind a debug port can be looked at');
  return oursAsView(view);
}

async function openocds(chip: string): Promise<View> {
  const ocd = await OpenOcd.on(createBench({ startAt: 0, seed: 9 }).boardFor(chip, 'V1'));
  try {
    return openocdsView(
      await ocd.run([
        'swd newdap chip cpu -irlen 4',
        'dap create chip.dap -chain-position chip.cpu',
        'target create chip.core cortex_m -dap chip.dap',
        'init',
        'dap info 0',
      ]),
    );
  } finally {
    await ocd.close();
  }
}

describe.skipIf(!requirePrograms(['openocd', 'socat']))('OpenOCD and we see the same chip', () => {
  it.each(['nrf52840', 'nrf51822', 'stm32f407vg', 'stm32g071rb', 'atsamd21g18a'])('%s', async (chip) => {
    const theirs = await openocds(chip);
    expect(theirs.components.length).toBeGreaterThan(3);
    expect(await ours(chip)).toEqual(theirs);
  });
});
