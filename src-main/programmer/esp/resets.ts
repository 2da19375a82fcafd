import type { IoContext } from '#shared/base/clock.ts';
import type { SerialLines, SerialLink } from '../../link/link.ts';

/** Lines to set, or milliseconds to wait. */
export type ResetStep = SerialLines | { readonly waitMs: number };
export type Reset = readonly ResetStep[];

/**
 * How a board is put into its boot loader. Classic: two transistors cross DTR and RTS onto IO0 and EN so that either alone
 * pulls one low and both together neither (ESP32-DevKitC schematic). EN is low at once: a transistor empties even 10 uF within 2 ms, and
 * the chip wants 50 us (ESP32 data sheet, power-up and reset timing). It rises slowly, by 10 kOhm: a board with a large capacitor there needs a longer wait.
 * USB-JTAG-serial: the chip's own USB device reads the lines (ESP32-C3 TRM, USB Serial/JTAG Controller, 30.3.2).
 */
export const RESETS = {
  classic: [{ dtr: false, rts: true }, { waitMs: 20 }, { dtr: true, rts: false }, { waitMs: 50 }, { dtr: false }],
  'classic-slow': [
    { dtr: false, rts: true },
    { waitMs: 100 },
    { dtr: true, rts: false },
    { waitMs: 550 },
    { dtr: false },
  ],
  'usb-jtag-serial': [
    { dtr: false, rts: false },
    { waitMs: 100 },
    { dtr: true, rts: false },
    { waitMs: 100 },
    { rts: true },
    { dtr: false, rts: true },
    { waitMs: 100 },
    { dtr: false, rts: false },
  ],
} as const satisfies Record<string, Reset>;

/** IO0 is left alone: the chip starts its firmware. */
export const HARD_RESET: Reset = [{ dtr: false, rts: true }, { waitMs: 20 }, { dtr: false, rts: false }];

/** `d0-r1-w100-d1-r0-w50-d0`: DTR, RTS, a wait in milliseconds; `none`. Undefined for what is no such sequence. */
export function parseReset(text: string): Reset | undefined {
  if (text === 'none') return [];
  if (Object.hasOwn(RESETS, text)) return RESETS[text as keyof typeof RESETS];
  const steps = text.split('-').map((word): ResetStep | undefined => {
    const [, letter, number] = /^([drw])(\d{1,5})$/u.exec(word) ?? [];
    if (letter === 'w') return { waitMs: Number(number) };
    if (number !== '0' && number !== '1') return undefined;
    return letter === 'd' ? { dtr: number === '1' } : { rts: number === '1' };
  });
  return steps.every((step) => step !== undefined) ? steps : undefined;
}

export async function carryReset(reset: Reset, link: SerialLink, io: IoContext): Promise<void> {
  for (const step of reset) {
    if ('waitMs' in step) await io.clock.sleep(step.waitMs, io.signal);
    else await link.setLines(step, io);
  }
}
