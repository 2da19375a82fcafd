import type { Clock, IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '#main/link/link.ts';

/** A debug port reduced to arithmetic: but for DPIDR and CTRL/STAT, a read's word depends on all accesses before it. */
export class Registers {
  readonly log: string[] = [];
  #state = 0x1234_5678;

  read(port: 'dp' | 'ap', address: number): number {
    this.log.push(`${port} ${address} r`);
    if (port === 'dp' && address === 0) return 0x2ba0_1477;
    if (port === 'dp' && address === 4) return 0xf000_0000;
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223 + address) >>> 0;
    return this.#state;
  }

  write(port: 'dp' | 'ap', address: number, value: number): void {
    this.log.push(`${port} ${address} w ${value >>> 0}`);
    this.#state = (this.#state ^ value) >>> 0;
  }
}

export interface Script {
  readonly packetSize: number;
  readonly packetCount: number;
  /** The acknowledge of the nth bus access (from 0); 1 unless it says otherwise. */
  readonly acknowledge?: (access: number) => number;
  /** What becomes of the nth packet's reply; undefined swallows it. */
  readonly reply?: (packet: number, reply: Uint8Array) => Uint8Array | undefined;
  /** What a match read finds at its nth try. */
  readonly found?: (attempt: number) => number;
  /** Replies that an earlier owner of the probe left behind. */
  readonly stale?: readonly Uint8Array[];
  /** What DAP_Info tells as its product and its firmware. */
  readonly product?: string;
  readonly firmware?: string;
  /** Clocks that SWJ_Clock accepts; all of them when left out. */
  readonly accepts?: (hz: number) => boolean;
  /** The pins as they read when the probe drives `driven`; the same when left out. */
  readonly pins?: (driven: number) => number;
}

/** JTAG reduced to arithmetic: each TDO bit depends on all clocks before it. */
export class Scan {
  #state = 1;

  clock(tms: number, tdi: number): 0 | 1 {
    const tdo = (this.#state >>> 16) & 1;
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223 + 2 * tms + tdi) >>> 0;
    return tdo === 1 ? 1 : 0;
  }
}

/** A probe that follows the CMSIS-DAP specification to the letter, and notes what a real one would choke on. */
export class ScriptedProbe implements Link {
  readonly kind = 'packet';
  readonly url = 'scripted:probe';
  readonly registers = new Registers();
  readonly scan = new Scan();
  /** nTRST and nRESET as driven. */
  pins = 0xa0;
  readonly requests: Uint8Array[] = [];
  readonly violations: string[] = [];
  readonly clock: Clock;
  mostInFlight = 0;
  closed = false;
  matchRetry = 0;
  #now = 0;
  #inFlight = 0;
  #accesses = 0;
  #matchMask = 0;
  readonly #script: Script;
  readonly #outbox: (Uint8Array | undefined)[] = [];
  readonly #late: Uint8Array[] = [];

  constructor(script: Script) {
    this.#script = script;
    this.#late.push(...(script.stale ?? []));
    this.clock = {
      now: () => this.#now,
      monotonic: () => this.#now,
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        this.#now += ms;
      },
    };
  }

  get io(): IoContext {
    return { clock: this.clock, signal: new AbortController().signal };
  }

  async write(data: Uint8Array): Promise<void> {
    if (data.length > this.#script.packetSize) this.violations.push(`a packet of ${data.length} bytes`);
    if (this.#inFlight === this.#script.packetCount) this.violations.push('more packets than it has buffers');
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight);
    const reply = this.#answer(data);
    if (reply.length > this.#script.packetSize) this.violations.push(`a reply of ${reply.length} bytes`);
    const index = this.requests.push(Uint8Array.from(data)) - 1;
    this.#outbox.push(this.#script.reply ? this.#script.reply(index, reply) : reply);
  }

  async read(timeoutMs: number): Promise<Uint8Array> {
    const stale = this.#late.shift();
    if (stale) return stale;
    const reply = this.#outbox.shift();
    if (reply) {
      this.#inFlight--;
      this.#now += 0.1;
      return reply;
    }
    this.#now += timeoutMs;
    throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: timeoutMs / 1000 } });
  }

  /** A reply that was swallowed comes after all. */
  arriveLate(reply: Uint8Array): void {
    this.#late.push(reply);
    this.#inFlight = 0;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  #answer(data: Uint8Array): Uint8Array {
    switch (data[0] ?? -1) {
      case 0x00:
        return this.#info(data[1] ?? 0);
      case 0x02:
        // DAP_Connect lets go of nRESET.
        this.pins |= 0x80;
        return Uint8Array.of(0x02, data[1] ?? 0);
      case 0x10:
        return this.#drivePins(data[1] ?? 0, data[2] ?? 0);
      case 0x11:
        return Uint8Array.of(0x11, this.#accepts(data) ? 0 : 0xff);
      case 0x14:
        return this.#sequences(data);
      case 0x04:
        this.matchRetry = (data[4] ?? 0) | ((data[5] ?? 0) << 8);
        return Uint8Array.of(0x04, 0);
      case 0x05:
        return this.#transfer(data);
      case 0x06:
        return this.#block(data);
      case 0x01:
      case 0x03:
      case 0x08:
      case 0x12:
      case 0x13:
      case 0x15:
        return Uint8Array.of(data[0] ?? 0, 0);
      default:
        return Uint8Array.of(0xff);
    }
  }

  #info(id: number): Uint8Array {
    const { packetSize, packetCount } = this.#script;
    if (id === 0xff) return Uint8Array.of(0, 2, packetSize & 0xff, packetSize >> 8);
    if (id === 0xfe) return Uint8Array.of(0, 1, packetCount);
    if (id === 0x03) return Uint8Array.of(0, 4, 0x61, 0x62, 0x63, 0);
    const text = id === 0x02 ? this.#script.product : id === 0x09 ? this.#script.firmware : undefined;
    if (text !== undefined) return Uint8Array.of(0, text.length + 1, ...new TextEncoder().encode(text), 0);
    return Uint8Array.of(0, 0);
  }

  #accepts(data: Uint8Array): boolean {
    const hz = new DataView(data.buffer, data.byteOffset).getUint32(1, true);
    return this.#script.accepts?.(hz) ?? true;
  }

  #drivePins(output: number, select: number): Uint8Array {
    this.pins = (this.pins & ~select) | (output & select);
    return Uint8Array.of(0x10, this.#script.pins?.(this.pins) ?? this.pins);
  }

  /** `14 count { info tdi }*` -> `14 status { tdo }*` */
  #sequences(data: Uint8Array): Uint8Array {
    const tdo: number[] = [];
    let at = 2;
    for (let n = 0; n < (data[1] ?? 0); n++) {
      const info = data[at++] ?? 0;
      const cycles = info & 0x3f || 64;
      const bytes = Math.ceil(cycles / 8);
      if (at + bytes > data.length) this.violations.push('a sequence that lacks its bits');
      // What is beyond the last bit is anything at all.
      const out = new Uint8Array(bytes).fill(cycles % 8 ? 0xff << (cycles % 8) : 0, bytes - 1);
      for (let i = 0; i < cycles; i++) {
        const bit = this.scan.clock((info >> 6) & 1, ((data[at + (i >> 3)] ?? 0) >> (i & 7)) & 1);
        out[i >> 3] = (out[i >> 3] ?? 0) | (bit << (i & 7));
      }
      at += bytes;
      if (info & 0x80) tdo.push(...out);
    }
    return Uint8Array.of(0x14, 0, ...tdo);
  }

  #transfer(data: Uint8Array): Uint8Array {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const words: number[] = [];
    let at = 3;
    let done = 0;
    let acknowledge = 1;
    for (; done < (data[2] ?? 0) && acknowledge === 1;) {
      const request = data[at++] ?? 0;
      const carriesData = (request & 0x02) === 0 || (request & 0x10) !== 0;
      const value = carriesData ? view.getUint32(at, true) : 0;
      if (carriesData) at += 4;
      if (request & 0x20) {
        this.#matchMask = value;
        done++;
        continue;
      }
      acknowledge = this.#access(request, value, words);
      if (acknowledge === 1) done++;
    }
    return withWords(Uint8Array.of(0x05, done, acknowledge), words);
  }

  #block(data: Uint8Array): Uint8Array {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const request = data[4] ?? 0;
    const count = view.getUint16(2, true);
    const words: number[] = [];
    let done = 0;
    let acknowledge = 1;
    while (done < count && acknowledge === 1) {
      const value = request & 0x02 ? 0 : view.getUint32(5 + 4 * done, true);
      acknowledge = this.#access(request, value, words);
      if (acknowledge === 1) done++;
    }
    return withWords(Uint8Array.of(0x06, done & 0xff, done >> 8, acknowledge), words);
  }

  #access(request: number, value: number, words: number[]): number {
    const acknowledge = this.#script.acknowledge?.(this.#accesses++) ?? 1;
    if (acknowledge !== 1) return acknowledge;
    const port = request & 1 ? 'ap' : 'dp';
    const address = request & 0x0c;
    if (request & 0x10) return this.#match(value);
    if (request & 0x02) words.push(this.registers.read(port, address));
    else this.registers.write(port, address, value);
    return 1;
  }

  #match(value: number): number {
    for (let attempt = 0; attempt <= this.matchRetry; attempt++) {
      if (((this.#script.found?.(attempt) ?? 0) & this.#matchMask) >>> 0 === value) return 1;
    }
    return 0x11;
  }
}

function withWords(header: Uint8Array, words: readonly number[]): Uint8Array {
  const out = new Uint8Array(header.length + 4 * words.length);
  out.set(header);
  const view = new DataView(out.buffer);
  words.forEach((word, index) => view.setUint32(header.length + 4 * index, word, true));
  return out;
}
