import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { EspUart } from '#shared/model/interfaces/esp.ts';
import type { SerialFormat, SerialLink } from '../../link/link.ts';
import type { Identity } from '../../target/target.ts';
import type { FlashDevice } from '../flash-device.ts';
import type { Programmer } from '../programmer.ts';
import { EspFlash } from './esp-flash.ts';
import { guardOf } from './guard.ts';
import type { LockSteps } from '../lock-steps.ts';
import { EspLockSteps } from './lock-steps.ts';
import { EspLoader, ROM_BAUD } from './loader.ts';
import { parseReset, type Reset, RESETS } from './resets.ts';
import { revisionText } from './efuse/revision.ts';
import { type EfuseView, viewOf } from './efuse/show.ts';
import { readEfuses } from './efuse/state.ts';
import type { Security } from './security.ts';
import { EspSession, resetsOf } from './session.ts';
import { loadStub } from './stub.ts';

export interface OpenEspOptions {
  /** Instead of those that the chip's description names. */
  readonly resets?: readonly Reset[] | undefined;
  /** Instead of the description's. */
  readonly baud?: number | undefined;
}

/** A port that was not opened yet, and what its address says. */
export interface EspPort {
  readonly url: string;
  readonly chip: ChipDescription;
  readonly open: (format: SerialFormat, io: IoContext) => Promise<SerialLink>;
  readonly baud?: number;
  /** A pattern's name, or `d0-r1-w100-...`, or `none` where the fixture straps the unit. */
  readonly entry?: string;
}

/** Rejects with `probe-address` for an entry that there is not, and as `openEsp`. */
export async function openEspUart({ url, chip, open, baud, entry }: EspPort, io: IoContext): Promise<Programmer> {
  const reset = entry === undefined ? undefined : parseReset(entry);
  if (entry !== undefined && !reset) {
    const expected = `entry=none, ${Object.keys(RESETS).join(', ')} or for example d0-r1-w100-d1-r0-w50-d0`;
    throw new FlashlineError('probe-address', { params: { url, expected } });
  }
  const link = await open({ baudRate: ROM_BAUD, parity: 'none' }, io);
  return openEsp(link, chip, io, { baud, resets: reset && [reset] });
}

/**
 * Puts the unit into its ROM loader and identifies it; changes nothing. Closes the link before it rejects: with `no-target`,
 * `wrong-chip`, `secure-download`, `wire-noise` or a link's failure.
 */
export async function openEsp(
  link: SerialLink,
  chip: ChipDescription,
  io: IoContext,
  options: OpenEspOptions = {},
): Promise<Programmer> {
  try {
    const described = espOf(chip);
    const esp = { ...described, baud: options.baud ?? described.baud };
    const loader = new EspLoader(link);
    const resets = options.resets ?? resetsOf(esp);
    const session = new EspSession({ loader, chip, esp, resets, stub: await loadStub(esp.stub) });
    await session.enter(io);
    const { uid, security } = await session.identify(io);
    return new EspProgrammer(session, chip, uid, security);
  } catch (error) {
    await link.close();
    throw error;
  }
}

function espOf(chip: ChipDescription): EspUart {
  if (chip.uart?.kind === 'esp') return chip.uart;
  throw new FlashlineError('interface-unsupported', { params: { interface: 'uart', chip: chip.name } });
}

export function isEspUnit(unit: object): unit is EspProgrammer {
  return unit instanceof EspProgrammer;
}

class EspProgrammer implements Programmer {
  readonly chip: ChipDescription;
  readonly #session: EspSession;
  readonly #uid: string;
  readonly #security: Security;
  readonly locks: LockSteps;

  constructor(session: EspSession, chip: ChipDescription, uid: string, security: Security) {
    this.#session = session;
    this.chip = chip;
    this.#uid = uid;
    this.#security = security;
    this.locks = new EspLockSteps(session);
  }

  reach(): ReturnType<NonNullable<Programmer['reach']>> {
    return {
      vendor: 'Espressif',
      product: 'flasher stub',
      serial: '',
      firmware: '',
      protocol: 'uart',
      ...this.#session.rate,
    };
  }

  identify(): Promise<Identity> {
    const { flashEncryption, secureBoot } = this.#security;
    const locks = { FLASH_ENCRYPTION: state(flashEncryption), SECURE_BOOT: state(secureBoot) };
    return Promise.resolve({ uid: this.#uid, chip: this.chip.id, locks });
  }

  async openFlash(io: IoContext): Promise<FlashDevice> {
    // The running chip would decipher what was never enciphered.
    if (this.#security.flashEncryption)
      throw new FlashlineError('flash-encrypted', { params: { chip: this.chip.name } });
    await this.#session.startStub(io);
    const { chip } = this;
    const revision = await this.#session.revision(io);
    const { flashSize } = this.#session;
    return new EspFlash(this.#session, guardOf({ chip, flashSize, revision, secureBoot: this.#security.secureBoot }));
  }

  /** Only reads; by whichever loader runs. */
  async efuses(io: IoContext): Promise<EfuseView> {
    const { loader, efuse } = this.#session;
    const revision = await this.#session.revision(io);
    return viewOf(await readEfuses(efuse, loader, io), revisionText(revision));
  }

  start(io: IoContext): Promise<void> {
    return this.#session.run(io);
  }

  close(): Promise<void> {
    return this.#session.loader.link.close();
  }
}

function state(on: boolean): string {
  return hexAddress(on ? 1 : 0);
}
