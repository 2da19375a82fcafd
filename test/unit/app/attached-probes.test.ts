import { describe, expect, it } from 'vitest';
import { keepAttached, type WatchedProbe } from '#main/app/attached-probes.ts';
import type { ProbeChange } from '#main/link/hotplug.ts';
import type { ProbeAccess } from '#main/link/usb-probe.ts';

const SLOTS = [
  { id: '1', probe: 'cmsis-dap:@1-2.1' },
  { id: '2', probe: 'cmsis-dap:A7' },
  { id: '3', probe: 'gdb:tcp:127.0.0.1:3333' },
];

function probe(portPath: string, serial: string, access: ProbeAccess = 'ok'): WatchedProbe {
  return { device: '1/7', interface: 'bulk', serial, portPath, access, url: `cmsis-dap:${serial}` };
}

/** What each slot was told, after these changes. */
async function after(...changes: ProbeChange<WatchedProbe>[]): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  const watch = async (_: AbortSignal, onChange: (change: ProbeChange<WatchedProbe>) => void) =>
    changes.forEach(onChange);
  await keepAttached(SLOTS, watch, (slot, attached) => (told[slot] = attached), new AbortController().signal);
  return told;
}

describe('what the slots know of their probes', () => {
  it('is told from the start, and nothing is said of probes that nobody can see', async () => {
    expect(await after()).toEqual({ 1: 'no', 2: 'no' });
  });

  it('follows the port for one, the serial for another', async () => {
    expect(await after({ change: 'added', probe: probe('1-2.1', 'A7') })).toEqual({ 1: 'yes', 2: 'yes' });
    expect(await after({ change: 'added', probe: probe('1-3', 'A7') })).toEqual({ 1: 'no', 2: 'yes' });
    expect(await after({ change: 'added', probe: probe('1-2.1', 'B1') })).toEqual({ 1: 'yes', 2: 'no' });
  });

  it('changes as the probe is taken by another program, given back, and pulled out', async () => {
    const added = { change: 'added', probe: probe('1-2.1', 'B1') } as const;
    const taken = { change: 'changed', probe: probe('1-2.1', 'B1', 'busy') } as const;
    expect(await after(added, taken)).toMatchObject({ 1: 'busy' });
    expect(await after(added, taken, { ...added, change: 'changed' })).toMatchObject({ 1: 'yes' });
    expect(await after(added, { ...added, change: 'removed' })).toMatchObject({ 1: 'no' });
    expect(await after({ change: 'added', probe: probe('1-2.1', 'B1', 'denied') })).toMatchObject({ 1: 'denied' });
  });

  it('is told of adapters too, by the kind that the slot names', async () => {
    const slots = [
      { id: '1', probe: 'spi:ftdi:@1-4?channel=B' },
      { id: '2', probe: 'i2c:mcp2221:M1' },
    ];
    const adapter = (url: string, serial: string, portPath: string) =>
      ({ change: 'added', probe: { url, serial, portPath, device: '1:9', access: 'ok' } }) as const;
    const told = async (...changes: ProbeChange<WatchedProbe>[]) => {
      const states: Record<string, string> = {};
      const watch = async (_: AbortSignal, onChange: (change: ProbeChange<WatchedProbe>) => void) =>
        changes.forEach(onChange);
      await keepAttached(slots, watch, (slot, state) => (states[slot] = state), new AbortController().signal);
      return states;
    };
    const ftdi = [adapter('ftdi:F1', 'F1', '1-4'), adapter('spi:ftdi:F1', 'F1', '1-4')] as const;
    expect(await told(ftdi[0])).toEqual({ 1: 'no', 2: 'no' });
    expect(await told(...ftdi, adapter('i2c:mcp2221:M1', 'M1', '1-5'))).toEqual({ 1: 'yes', 2: 'yes' });
  });

  it('watches nothing where there is nothing to watch', async () => {
    const watch = () => Promise.reject(new Error('it watched'));
    const slots = [{ id: '3', probe: 'gdb:tcp:h:1' }];
    await expect(keepAttached(slots, watch, () => undefined, new AbortController().signal)).resolves.toBeUndefined();
  });
});
