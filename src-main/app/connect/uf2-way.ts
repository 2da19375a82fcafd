import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import type { Drive } from '../../link/drive.ts';
import { driveAtPort, openDriveAtPath, openDriveAtPort } from '../../link/mounted-drive.ts';
import { listSerialPorts } from '../../link/serial-ports.ts';
import { openUf2 } from '../../programmer/uf2/open-uf2.ts';
import { realClock } from '../compose-home.ts';
import type { ProbeWay } from './way.ts';

const FORMS = 'uf2:<usb port>, uf2:</folder that its drive is mounted at>';
/** What firmware takes to reset, the boot loader to start, and the system to find its drive. */
const COME_MS = 10_000;
const LOOK_EVERY_MS = 50;
/** The port speed that asks Arduino-like firmware for its boot loader, once the port is closed again. */
const TOUCH_BAUD = 1200;

/** UF2 boot loaders by their drives. */
export const uf2Way: ProbeWay = {
  prefix: 'uf2:',
  forms: FORMS,
  interfaces: ['uf2'],
  parse(url) {
    const place = url.slice('uf2:'.length);
    const isPort = /^\d+-\d+(?:\.\d+)*$/u.test(place);
    if (!isPort && !/^\/./u.test(place))
      throw new FlashlineError('probe-address', { params: { url, expected: FORMS } });
    return ({ chip }) => ({
      clock: realClock,
      open: async (io) => openUf2(isPort ? await atPort(place, url, chip, io) : await atPath(place, url), chip, io),
    });
  },
};

function atPath(path: string, url: string): Promise<Drive> {
  return openDriveAtPath(path.length > 1 ? path.replace(/\/+$/u, '') : path, url);
}

async function atPort(portPath: string, url: string, chip: ChipDescription, io: IoContext): Promise<Drive> {
  if (process.platform !== 'linux')
    throw new FlashlineError('probe-unsuited', {
      params: { url, detail: 'drives are found by their ports on Linux only' },
    });
  if (!(await driveAtPort(portPath))) await askForBootLoader(portPath, url, chip, io);
  return openDriveAtPort(portPath, url, { mayMount: process.geteuid?.() === 0 }, io);
}

/** Opens and closes the firmware's serial port at 1200 baud, and waits for the drive. */
async function askForBootLoader(portPath: string, url: string, { uf2 }: ChipDescription, io: IoContext): Promise<void> {
  if (uf2?.kind !== 'current-uf2' || uf2.touch === undefined) return;
  const ports = await listSerialPorts({ platform: process.platform });
  const found = ports.find(({ port }) => port.startsWith(`${portPath}:`));
  if (!found) return;
  // Loaded on demand, as every native binding.
  const { openSerial } = await import('../../link/serial.ts');
  const link = await openSerial({ path: found.path, baudRate: TOUCH_BAUD }, url, io);
  await link.close();
  const until = io.clock.monotonic() + COME_MS;
  while (!(await driveAtPort(portPath)) && io.clock.monotonic() < until) await io.clock.sleep(LOOK_EVERY_MS, io.signal);
}
