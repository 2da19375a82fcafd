import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import type { Pace } from '../paced-clock.ts';
import { completion, FULL_SPEED_HID, UsbEndpoint } from '../usb-time.ts';
import { toNs } from '../virtual-clock.ts';
import { Hf2Device } from './hf2-device.ts';
import type { InBootLoader } from './in-boot-loader.ts';

const REPORT = 64;
/** Packets between two turns of the event loop, so that an unpaced run can still be aborted from outside. */
const PACKETS_PER_TURN = 32;

/** HID to a simulated boot loader, as a host's kernel carries it: one report at a time each way. */
export class Hf2BenchLink implements Link {
  readonly kind = 'packet';
  readonly url: string;
  readonly #unit: InBootLoader;
  readonly #device: Hf2Device;
  readonly #pace: Pace | undefined;
  readonly #out = new UsbEndpoint(FULL_SPEED_HID);
  readonly #in = new UsbEndpoint(FULL_SPEED_HID);
  readonly #answers: { readonly packet: Uint8Array; readonly at: number }[] = [];
  #packets = 0;
  #silent = false;
  #lost = false;

  constructor(unit: InBootLoader, url: string, paced: Pace | undefined) {
    this.#unit = unit;
    this.url = url;
    this.#pace = paced;
    this.#device = new Hf2Device(unit.loader, unit.board);
  }

  async write(data: Uint8Array, io: IoContext): Promise<void> {
    const { board, loader, faults } = this.#unit;
    const { clock } = board;
    this.#mustBeThere(io);
    const due = faults.nextPacket();
    if (due.powerCut) loader.cutPower(clock.elapsedNs);
    if (due.unplugged) this.#lost = true;
    if (due.silent) this.#silent = true;
    this.#mustBeThere(io);
    const report = new Uint8Array(REPORT);
    report.set(data);
    // While the flash is at work nothing is taken from the endpoint: the host tries again, frame by frame.
    const arrivedAt = this.#out.transferEnd(REPORT, loader.freeAt(clock.elapsedNs));
    clock.advanceTo(completion(FULL_SPEED_HID, arrivedAt));
    loader.passTo(arrivedAt);
    this.#mustBeThere(io);
    const answer = this.#device.take(report, arrivedAt);
    for (const packet of answer?.packets ?? []) {
      this.#answers.push({ packet, at: this.#in.transferEnd(REPORT, answer?.at ?? arrivedAt) });
    }
    await this.#breathe(io);
  }

  async read(timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    const { clock } = this.#unit.board;
    this.#mustBeThere(io);
    const expiresAt = clock.elapsedNs + toNs(timeoutMs);
    const next = this.#answers[0];
    const at = next && completion(FULL_SPEED_HID, next.at);
    if (!next || at === undefined || at > expiresAt || this.#silent) {
      // Somebody may go meanwhile.
      this.#unit.loader.passTo(expiresAt);
      const left = this.#unit.loader.running !== 'boot-loader';
      clock.advanceTo(left ? clock.elapsedNs : expiresAt);
      this.#mustBeThere(io);
      throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
    }
    this.#answers.shift();
    clock.advanceTo(at);
    this.#unit.loader.passTo(at);
    this.#mustBeThere(io);
    await this.#breathe(io);
    return next.packet;
  }

  async close(): Promise<void> {
    if (this.#lost) return;
    const { board, loader } = this.#unit;
    board.clock.advanceTo(Math.ceil(loader.freeAt(board.clock.elapsedNs)));
    loader.passTo(board.clock.elapsedNs);
    this.#lost = true;
  }

  #mustBeThere({ signal }: IoContext): void {
    signal.throwIfAborted();
    if (this.#lost || this.#unit.loader.running !== 'boot-loader')
      throw new FlashlineError('probe-lost', { params: { url: this.url } });
  }

  async #breathe({ signal }: IoContext): Promise<void> {
    this.#packets++;
    if (this.#packets % PACKETS_PER_TURN === 0) await nextTurn();
    await this.#pace?.(signal);
    signal.throwIfAborted();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
