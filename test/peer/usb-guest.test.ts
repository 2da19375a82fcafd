import { afterAll, beforeAll, describe } from 'vitest';
import { requirePrograms } from '#test/support/programs.ts';
import { bundleFlashline } from '#test/support/usb-guest/flashline.ts';
import { bootGuest, type Guest, GUEST_PROGRAMS } from '#test/support/usb-guest/guest.ts';
import { adaptersOnUsb } from './usb-guest/adapters.ts';
import { dfuOnUsb } from './usb-guest/dfu.ts';
import { openOcdOnUsb } from './usb-guest/openocd.ts';
import { probesOnUsb } from './usb-guest/flashline.ts';
import { uf2OnUsb } from './usb-guest/uf2.ts';

/**
 * One boot for all of them: it and the command line's loading take longer than what most of these do. `-t DFU` is one of them alone.
 * Each leaves the bus as it found it, empty.
 */
describe.skipIf(!requirePrograms([...GUEST_PROGRAMS, 'openocd', 'flashrom', 'dfu-util']))('in an emulated PC', () => {
  let guest: Guest | undefined;

  beforeAll(async () => {
    guest = await bootGuest(bundleFlashline);
  }, 900_000);

  afterAll(() => guest?.stop());

  const booted = (): Guest => {
    if (!guest) throw new Error('it did not boot');
    return guest;
  };

  adaptersOnUsb(booted);
  uf2OnUsb(booted);
  dfuOnUsb(booted);
  probesOnUsb(booted);
  openOcdOnUsb(booted);
});
