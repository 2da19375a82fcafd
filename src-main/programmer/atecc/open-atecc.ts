import type { IoContext } from '#shared/base/clock.ts';
import { toHex } from '#shared/base/bytes.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { AteccInterface } from '#shared/model/interfaces/i2c.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { Identity } from '../../target/target.ts';
import type { I2cPort } from '../../probe/i2c-port.ts';
import type { Programmer } from '../programmer.ts';
import { info, publicKey } from './commands.ts';
import { lockStates } from './config-zone.ts';
import { AteccFlashDevice } from './flash-device.ts';
import { AteccLockSteps } from './lock-steps.ts';
import { AteccSession, WAKE_HZ } from './session.ts';
import { readConfig } from './zones.ts';

/** A secure element that answered on its bus. */
export interface AteccUnit extends Programmer {
  readonly session: AteccSession;
}

export function isAteccUnit(unit: object): unit is AteccUnit {
  return 'session' in unit && unit.session instanceof AteccSession;
}

/**
 * Wakes the secure element on this bus. Rejects with `no-target`, `wire-noise`, `bus-stuck` or the adapter's failures; the
 * port is closed by then.
 */
export async function openAtecc(
  port: I2cPort,
  chip: ChipDescription,
  element: AteccInterface,
  io: IoContext,
): Promise<AteccUnit> {
  try {
    const usedHz = await port.connect(WAKE_HZ, io);
    if (usedHz > WAKE_HZ) {
      const detail = `its I2C clock of ${usedHz} Hz is too fast to wake the chip by address 0`;
      throw new FlashlineError('probe-unsuited', { params: { url: port.url, detail } });
    }
    const session = new AteccSession(port, element.address);
    await session.open(io);
    const reach: Reach = { ...port.describe(), protocol: 'i2c', askedHz: WAKE_HZ, usedHz };
    return unitOf({ session, port, chip, element, reach });
  } catch (error) {
    await port.close({ clock: io.clock, signal: new AbortController().signal });
    throw error;
  }
}

interface Parts {
  readonly session: AteccSession;
  readonly port: I2cPort;
  readonly chip: ChipDescription;
  readonly element: AteccInterface;
  readonly reach: Reach;
}

function unitOf({ session, port, chip, element, reach }: Parts): AteccUnit {
  return {
    chip,
    session,
    locks: new AteccLockSteps(session),
    elementKey: (slot, io) => session.data(publicKey(slot), io),
    reach: () => reach,
    identify: (io) => identify(session, chip, element, io),
    openFlash: () => Promise.resolve(new AteccFlashDevice(session, chip)),
    // Its firmware is in its ROM: it sleeps until its board wakes it.
    start: (io) => session.sleep(io),
    async close(io) {
      try {
        await session.sleep(io);
      } finally {
        await port.close(io);
      }
    },
  };
}

async function identify(
  session: AteccSession,
  chip: ChipDescription,
  { revisions }: AteccInterface,
  io: IoContext,
): Promise<Identity> {
  const revision = toHex(await session.data(info(), io));
  if (!revisions.some((known) => known.toString(16).padStart(8, '0') === revision)) {
    throw new FlashlineError('wrong-chip', {
      params: { expected: chip.name, register: 'Info revision', found: `0x${revision}` },
    });
  }
  const zone = await readConfig(session, io);
  return { uid: zone.serial, chip: chip.id, locks: lockStates(zone.bytes) };
}
