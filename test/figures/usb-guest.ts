import { createBench } from '#main/bench/bench.ts';
import { serveUsbip } from '#main/bench/usbip/server.ts';
import { usbProbe } from '#main/bench/usbip/usb-probe.ts';
import { bundleFlashline } from '#test/support/usb-guest/flashline.ts';
import { bootGuest, type Guest } from '#test/support/usb-guest/guest.ts';
import { application, programByOpenOcd, writeRelease } from '#test/support/usb-guest/program.ts';

export interface UsbGuestFigures {
  readonly bytes: number;
  /** DAP packets to the probe for each KiB of the image: connect, erase, program, verify, start. */
  readonly ourPacketsPerKiB: number;
  readonly openocdPacketsPerKiB: number;
  /** Ours over OpenOCD's. */
  readonly ratio: number;
}

const SIZE = 32 * 1024;

/**
 * The same image into two simulated nRF52840 on high-speed CMSIS-DAP v2 probes, over the guest's USB stack: by `flashline
 * flash`, which reads everything back, and by OpenOCD's `program ... verify`, which has a checksum made on the chip.
 * Packets are counted by the probes; time in the guest says nothing.
 */
export async function measureUsbGuest(): Promise<UsbGuestFigures> {
  const bench = createBench({ startAt: 0, seed: 5 });
  const realMs = () => performance.now();
  const seat = (probeSerial: string) =>
    ({ bench, chip: 'nrf52840', unit: probeSerial, probe: 'high-speed', probeSerial, realMs }) as const;
  const devices = ['OURS', 'THEIRS'].map(seat).map(usbProbe);
  const server = await serveUsbip({ port: 0, devices });
  let guest: Guest | undefined;
  try {
    guest = await bootGuest(bundleFlashline);
    writeRelease(guest, application(SIZE));
    for (const [hubPort, busid] of server.busids.entries()) await guest.plugIn({ port: server.port, busid }, hubPort);
    const flash = ['flash', '--release', '/out/release', '--serial', 'HB000001', '--probe', 'cmsis-dap:OURS'];
    const env = { FLASHLINE_HOME: '/tmp/home' };
    const ours = await guest.flashline(flash, { env });
    const theirs = await programByOpenOcd(guest, 'THEIRS');
    for (const { code, stdout, stderr } of [ours, theirs])
      if (code !== 0) throw new Error(`not programmed: ${stdout}${stderr}`);
    const [our = 0, their = 0] = server.busids.map((busid) => (server.counts(busid)?.requests ?? 0) / (SIZE / 1024));
    return { bytes: SIZE, ourPacketsPerKiB: our, openocdPacketsPerKiB: their, ratio: our / their };
  } finally {
    await guest?.stop();
    await server.close();
  }
}
