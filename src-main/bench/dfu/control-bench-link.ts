import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type UsbControl, type UsbSetup, UsbStall } from '../../link/usb-control.ts';
import { completion, controlTransferNs, FULL_SPEED_BULK } from '../usb-time.ts';
import { Status, type Submit, type SubmitReply } from '../usbip/protocol.ts';
import { UsbDevice } from '../usbip/usb-device.ts';
import { DfuFunction } from './dfu-function.ts';
import type { DfuUnit } from './dfu-unit.ts';
import type { FaultPlan } from '../fault-plan.ts';

const TYPES = { standard: 0, class: 0x20, vendor: 0x40 } as const;
const RECIPIENTS = { device: 0, interface: 1, endpoint: 2 } as const;
const IN = 0x80;
const NS_PER_MS = 1_000_000;
/** Calls between two turns of the event loop, so that an unpaced run can still be aborted from outside. */
const CALLS_PER_TURN = 64;

/** A DFU unit on the bench's own full-speed bus: every control transfer costs its time. */
export class ControlBenchLink implements UsbControl {
  readonly url: string;
  /** Transfers of the class so far, and what the bus took for all of them, nanoseconds. */
  readonly counts = { transfers: 0, busNs: 0, bytes: 0 };
  readonly #unit: DfuUnit;
  readonly #function: DfuFunction;
  readonly #device: UsbDevice;
  #gone = false;
  #calls = 0;

  constructor(url: string, unit: DfuUnit, faults: FaultPlan) {
    this.url = url;
    this.#unit = unit;
    this.#function = new DfuFunction(unit, faults, () => (this.#gone = true));
    this.#device = new UsbDevice(this.#function);
    this.#function.reset();
  }

  async controlIn(setup: UsbSetup, length: number, timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    return (await this.#control(setup, new Uint8Array(), length, IN, timeoutMs, io)).data;
  }

  async controlOut(setup: UsbSetup, data: Uint8Array, timeoutMs: number, io: IoContext): Promise<void> {
    await this.#control(setup, data, data.length, 0, timeoutMs, io);
  }

  async claim(_interfaceNumber: number, io: IoContext): Promise<void> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
  }

  async selectAlternate(interfaceNumber: number, setting: number, io: IoContext): Promise<void> {
    const setup: UsbSetup = {
      type: 'standard',
      recipient: 'interface',
      request: 11,
      value: setting,
      index: interfaceNumber,
    };
    await this.controlOut(setup, new Uint8Array(), 1000, io);
  }

  async reset(io: IoContext): Promise<void> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
    this.#function.reset();
    // USB 2.0, 7.1.7.5: reset, then recovery.
    await io.clock.sleep(20, io.signal);
  }

  async transferIn(): Promise<Uint8Array> {
    throw new UsbStall(this.url, 'the transfer');
  }

  async transferOut(): Promise<void> {
    throw new UsbStall(this.url, 'the transfer');
  }

  async close(): Promise<void> {
    this.#gone = true;
  }

  async #control(
    setup: UsbSetup,
    data: Uint8Array,
    length: number,
    direction: number,
    timeoutMs: number,
    io: IoContext,
  ): Promise<SubmitReply> {
    io.signal.throwIfAborted();
    this.#mustBeThere();
    if (++this.#calls % CALLS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const began = this.#unit.clock.elapsedNs;
    this.#function.doneAt = began;
    const reply = this.#submit(setup, data, length, direction);
    const bytes = direction === IN ? reply.data.length : data.length;
    const busNs = completion(FULL_SPEED_BULK, controlTransferNs(bytes));
    const endsAt = Math.max(began, this.#function.doneAt) + busNs;
    if (setup.type === 'class') {
      this.counts.transfers++;
      this.counts.bytes += bytes;
      this.counts.busNs += busNs;
    }
    if (endsAt - began > timeoutMs * NS_PER_MS) {
      await io.clock.sleep(timeoutMs, io.signal);
      throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
    }
    await io.clock.sleep((endsAt - began) / NS_PER_MS, io.signal);
    this.#mustBeThere();
    if (reply.status !== Status.ok) throw new UsbStall(this.url, `request ${setup.request}`);
    if (this.#unit.machine.left) this.#gone = true;
    return reply;
  }

  #submit(setup: UsbSetup, data: Uint8Array, length: number, direction: number): SubmitReply {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, direction | TYPES[setup.type] | RECIPIENTS[setup.recipient]);
    view.setUint8(1, setup.request);
    view.setUint16(2, setup.value, true);
    view.setUint16(4, setup.index, true);
    view.setUint16(6, length, true);
    const submit: Submit = {
      kind: 'submit',
      seqnum: 1,
      endpoint: 0,
      direction: direction === IN ? 'in' : 'out',
      length,
      setup: bytes,
      data,
    };
    const answers: SubmitReply[] = [];
    this.#device.submit(submit, (reply) => void answers.push(reply));
    return answers[0] ?? { seqnum: 1, status: Status.stall, actual: 0, data: new Uint8Array() };
  }

  #mustBeThere(): void {
    if (this.#gone) throw new FlashlineError('probe-lost', { params: { url: this.url } });
  }
}
