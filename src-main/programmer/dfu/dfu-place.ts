import type { IoContext } from '#shared/base/clock.ts';
import { hexAddress } from '#shared/base/bytes.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { UsbControl } from '../../link/usb-control.ts';
import { type DfuDescription, describeDfu } from './describe-dfu.ts';
import { DfuPort } from './dfu-port.ts';
import { dfuRequest, Request } from './protocol.ts';

/** The place that a device is plugged in at. Devices of this kind leave the bus and come back as something else. */
export interface DfuPlace {
  readonly url: string;
  /** Opens what is there now. */
  open(io: IoContext): Promise<UsbControl>;
  /** Waits for a device with DFU to come there anew, and opens it. Rejects with `probe-silent` when none comes. */
  reopen(timeoutMs: number, io: IoContext): Promise<UsbControl>;
}

/** An opened boot loader, on its DFU interface and in dfuIDLE. */
export interface OpenedDfu {
  readonly usb: UsbControl;
  readonly description: DfuDescription;
  readonly port: DfuPort;
}

const DETACH_MS = 1000;
/** A device that left comes back within this: it starts, and the system asks it who it is. Most take one second. */
const COME_BACK_MS = 20_000;

/**
 * The boot loader at this place; firmware that runs there and offers DFU is told to leave for it first. Rejects with a
 * link's failure, or with `wrong-chip` for a device that the chip description does not name.
 */
export async function openLoader(place: DfuPlace, chip: ChipDescription, io: IoContext): Promise<OpenedDfu> {
  const first = await openOnce(() => place.open(io), chip, io);
  return first ?? reopenLoader(place, chip, io);
}

/** The boot loader that comes back at this place. */
export async function reopenLoader(place: DfuPlace, chip: ChipDescription, io: IoContext): Promise<OpenedDfu> {
  const reopen = () => place.reopen(COME_BACK_MS, io);
  // Some start their firmware first, which has to be told to leave once more.
  const opened = (await openOnce(reopen, chip, io)) ?? (await openOnce(reopen, chip, io));
  if (opened) return opened;
  const detail = 'its firmware does not leave for the boot loader';
  throw new FlashlineError('probe-unsuited', { params: { url: place.url, detail } });
}

/** Undefined where firmware was running: it was told to leave, and its device is closed. */
async function openOnce(
  open: () => Promise<UsbControl>,
  chip: ChipDescription,
  io: IoContext,
): Promise<OpenedDfu | undefined> {
  const usb = await open();
  try {
    const description = await describeDfu(usb, io);
    checkIds(description, chip);
    const { interfaceNumber, functional } = description;
    await usb.claim(interfaceNumber, io);
    const port = new DfuPort(usb, interfaceNumber, functional, chip.name);
    if (!description.runtime) {
      await port.toIdle(io);
      return { usb, description, port };
    }
    await detach(port, io);
  } catch (error) {
    await usb.close();
    throw error;
  }
  await usb.close();
  return undefined;
}

/**
 * DFU_DETACH (DFU 1.1, 5.1): the device leaves the bus by itself, or at the host's reset. One that goes so fast that its
 * answer is lost has done as it was told.
 */
async function detach(port: DfuPort, io: IoContext): Promise<void> {
  const { usb, functional, interfaceNumber } = port;
  const setup = dfuRequest(Request.detach, interfaceNumber, functional.detachTimeoutMs);
  await port.unlessGone(() => usb.controlOut(setup, new Uint8Array(), DETACH_MS, io));
  if (!functional.willDetach) await port.unlessGone(() => usb.reset(io));
}

/** Nothing is asked of a device that the product is not. */
function checkIds({ vendorId, productId }: DfuDescription, chip: ChipDescription): void {
  const { dfu } = chip;
  if (dfu?.ids.some(({ vendor, product }) => vendor === vendorId && product === productId)) return;
  const found = `${hex4(vendorId)}:${hex4(productId)}`;
  throw new FlashlineError('wrong-chip', { params: { expected: chip.name, register: 'USB id', found } });
}

function hex4(id: number): string {
  return hexAddress(id).slice(-4).toLowerCase();
}
