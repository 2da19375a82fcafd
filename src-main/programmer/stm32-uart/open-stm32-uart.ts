import { hexAddress, isFilledWith, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { UartInterface } from '#shared/model/interfaces/uart.ts';
import type { SerialFormat, SerialLink } from '../../link/link.ts';
import type { Identity } from '../../target/target.ts';
import type { Protection } from '../../target/protection/protection.ts';
import {
  rangesText,
  WRITE_PROTECTION,
  type WriteProtection,
  writeProtection,
} from '../../target/protection/write-protection.ts';
import type { FlashDevice } from '../flash-device.ts';
import type { LockSteps } from '../lock-steps.ts';
import type { Programmer } from '../programmer.ts';
import { ProtectionLocks } from '../protection-locks.ts';
import { BootLoader } from './boot-loader.ts';
import { DEFAULT_STRATEGY, type EntryStrategy, type LineStep, STRATEGIES, strategyNamed } from './entry.ts';
import { Stm32Flash } from './stm32-flash.ts';
import { stm32PageLocks } from './stm32-page-locks.ts';
import { stm32Protection } from './stm32-protection.ts';

export type Stm32Interface = Extract<UartInterface, { kind: 'stm32' }>;

export interface Stm32UartOptions {
  readonly url: string;
  readonly chip: ChipDescription;
  readonly baud?: number;
  readonly parity?: SerialFormat['parity'];
  /** A name in STRATEGIES. */
  readonly entry?: string;
  readonly open: (format: SerialFormat, io: IoContext) => Promise<SerialLink>;
}

/** AN3155, 2: any rate up to this; eight bits and even parity. */
const BAUD = 115_200;
const SYNC_ATTEMPTS = 3;
/** After a reset of its own making the chip loads its option bytes and starts its boot loader. */
const RESTART_MS = 60;
/** `identify` needs all of a signature: the hardware id and the flash size. */
const SIZE_BYTES = 2;

/**
 * Brings the chip into its boot loader and synchronises with it. Rejects with the link's failures, `no-target` when nothing
 * answers, `probe-protocol` when something else does; the port is closed again then.
 */
export async function openStm32Uart(options: Stm32UartOptions, io: IoContext): Promise<Programmer> {
  const { url, chip, entry = DEFAULT_STRATEGY } = options;
  const uart = chip.uart?.kind === 'stm32' ? chip.uart : undefined;
  if (!uart) throw new FlashlineError('interface-unsupported', { params: { interface: 'uart', chip: chip.name } });
  const strategy = strategyNamed(entry);
  if (!strategy) {
    const expected = `entry=${Object.keys(STRATEGIES).join('|')}`;
    throw new FlashlineError('probe-address', { params: { url, expected } });
  }
  const format: SerialFormat = { baudRate: options.baud ?? BAUD, parity: options.parity ?? 'even' };
  const link = await options.open(format, io);
  try {
    const unit = new Stm32Unit(link, new BootLoader(link, format), chip, uart, strategy);
    await unit.enter(io);
    return unit;
  } catch (error) {
    await link.close();
    throw error;
  }
}

class Stm32Unit implements Programmer {
  readonly chip: ChipDescription;
  readonly protection: Protection;
  readonly writeProtection?: WriteProtection;
  readonly locks: LockSteps;
  readonly #link: SerialLink;
  readonly #loader: BootLoader;
  readonly #uart: Stm32Interface;
  readonly #strategy: EntryStrategy;
  #left = false;

  constructor(
    link: SerialLink,
    loader: BootLoader,
    chip: ChipDescription,
    uart: Stm32Interface,
    strategy: EntryStrategy,
  ) {
    this.#link = link;
    this.#loader = loader;
    this.chip = chip;
    this.#uart = uart;
    this.#strategy = strategy;
    const { rdp, massEraseMs, writeProtection: words } = uart;
    this.protection = stm32Protection({
      chip,
      loader,
      rdp,
      massEraseMs,
      resync: (io) => this.#resync(io),
      checkPart: (io) => this.#checkPart(io),
    });
    if (words) {
      const locks = stm32PageLocks(chip, words, loader, (io) => this.#resync(io));
      this.writeProtection = writeProtection(chip, locks);
    }
    this.locks = new ProtectionLocks({
      chip,
      protection: this.protection,
      writeProtection: this.writeProtection,
      read: (address, length, io) => loader.read(address, length, io),
    });
  }

  async enter(io: IoContext): Promise<void> {
    await this.#untilInSync(() => this.#drive(this.#strategy.enter, io), io);
  }

  /** Product id, then hardware id and flash size in one READ. Rejects with `chip-protected` where READ is refused. */
  async identify(io: IoContext): Promise<Identity> {
    await this.#checkPart(io);
    if (!(await this.#loader.mayRead(this.#uart.rdp, io)))
      throw new FlashlineError('chip-protected', { params: { chip: this.chip.name } });
    const { signature, flashSize } = this.#uart;
    const uid = [this.chip.identity.uid ?? []].flat();
    const end = Math.max(flashSize.address + SIZE_BYTES, ...uid.map(({ address, size }) => address + size));
    const bytes = await this.#loader.read(signature, end - signature, io);
    const at = (address: number, size: number) => bytes.subarray(address - signature, address - signature + size);
    const [low = 0, high = 0] = at(flashSize.address, SIZE_BYTES);
    if (low + 256 * high !== flashSize.kib)
      throw this.#wrongChip('the flash size', `${low + 256 * high} KiB`, flashSize.address);
    const found = uid.map(({ address, size }) => toHex(at(address, size).toReversed()));
    for (const { address, size } of uid) {
      const part = at(address, size);
      if (!isFilledWith(part, 0x00) && !isFilledWith(part, 0xff)) continue;
      throw new FlashlineError('identity-unreadable', {
        where: { address },
        params: { register: hexAddress(address) },
      });
    }
    const { observed } = await this.protection.read(io);
    const pages = this.writeProtection ? { [WRITE_PROTECTION]: rangesText(await this.writeProtection.read(io)) } : {};
    const id = found.length === 0 ? null : found.toReversed().join('');
    return { uid: id, chip: this.chip.id, locks: { ...observed, ...pages } };
  }

  async openFlash(io: IoContext): Promise<FlashDevice> {
    return new Stm32Flash(this.#loader, this.chip, (await this.writeProtection?.read(io)) ?? []);
  }

  /**
   * By the lines, as the product will start; without them by the boot loader's jump, which it refuses of a chip that was
   * locked: that one starts as soon as whoever holds BOOT0 lets go of it.
   */
  async start(io: IoContext): Promise<void> {
    this.#left = true;
    if (this.#strategy.leave.length > 0) await this.#drive(this.#strategy.leave, io);
    else if (await this.#loader.mayRead(this.#uart.rdp, io)) await this.#loader.go(this.chip.boot?.vectors ?? 0, io);
  }

  async close(io: IoContext): Promise<void> {
    try {
      if (!this.#left) await this.#drive(this.#strategy.leave, io);
    } catch (error) {
      // A port that is gone drives no lines; what ended the run before is the failure to tell.
      if (!(error instanceof FlashlineError)) throw error;
    } finally {
      await this.#link.close();
    }
  }

  async #checkPart(io: IoContext): Promise<void> {
    const id = await this.#loader.getId(io);
    if (id !== this.#uart.pid) throw this.#wrongChip('the product id', hexAddress(id));
  }

  async #resync(io: IoContext): Promise<void> {
    await this.#untilInSync(() => io.clock.sleep(RESTART_MS, io.signal), io);
  }

  async #untilInSync(before: () => Promise<void>, io: IoContext): Promise<void> {
    let heard: string | null = '';
    for (let attempt = 0; attempt < SYNC_ATTEMPTS; attempt++) {
      await before();
      heard = await this.#loader.sync(io);
      if (heard === null) return;
    }
    if (heard === '') throw new FlashlineError('no-target', { cause: 'no boot loader answers' });
    const detail = `no boot loader answers, but this: ${heard}`;
    throw new FlashlineError('probe-protocol', { params: { url: this.#link.url, detail } });
  }

  async #drive(steps: readonly LineStep[], io: IoContext): Promise<void> {
    for (const { lines, ms } of steps) {
      await this.#link.setLines(lines, io);
      await io.clock.sleep(ms, io.signal);
    }
  }

  #wrongChip(register: string, found: string, address?: number): FlashlineError {
    return new FlashlineError('wrong-chip', {
      ...(address === undefined ? {} : { where: { address } }),
      params: { expected: this.chip.name, register, found },
    });
  }
}
