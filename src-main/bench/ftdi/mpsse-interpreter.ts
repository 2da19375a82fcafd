import { AD, type MpsseBoard } from './mpsse-board.ts';

/** Bits of a shift command (AN_108, 3.3). */
const WRITE_FALLING = 0x01;
const BITS = 0x02;
const READ_FALLING = 0x04;
const LSB = 0x08;
const WRITE = 0x10;
const READ = 0x20;
const TMS = 0x40;
const NO_SHIFT = 0x80;
const BAD = 0xfa;
/** What a command takes beyond its clocks: about what is seen between two pin commands on an oscilloscope. */
const COMMAND_NS = 100;

/**
 * The MPSSE of an H chip, command by command (AN_108): it works its bytes off in order, and what it does shows at the pins.
 * Commands that it does not know are answered as the note says.
 */
export class MpsseInterpreter {
  readonly #board: MpsseBoard;
  #levels = 0;
  #outputs = 0;
  #zeroOnly = 0;
  #loopback = false;
  #divideBy5 = true;
  #threePhase = false;
  #divisor = 0;
  #input: number[] = [];
  readonly #replies: number[] = [];
  /** When the last command was over. */
  at = 0;
  /** Commands and clocks so far. */
  commands = 0;
  clocks = 0;

  constructor(board: MpsseBoard) {
    this.#board = board;
  }

  /** As after a reset or a change of the bit mode: all pins are inputs. */
  reset(): void {
    this.#levels = 0;
    this.#outputs = 0;
    this.#zeroOnly = 0;
    this.#loopback = false;
    this.#divideBy5 = true;
    this.#threePhase = false;
    this.#divisor = 0;
    this.#input = [];
    this.#replies.length = 0;
    this.#show();
  }

  /** Bytes from the host at `at`; what is not a whole command waits for the rest of it. */
  take(bytes: Uint8Array, at: number): void {
    this.at = Math.max(this.at, at);
    this.#input = this.#input.length === 0 ? Array.from(bytes) : this.#input.concat(Array.from(bytes));
    let done = 0;
    for (let next = this.#command(done); next > done; next = this.#command(done)) done = next;
    this.#input = this.#input.slice(done);
  }

  /** Takes what was answered so far. */
  replies(): number[] {
    return this.#replies.splice(0);
  }

  purgeInput(): void {
    this.#input = [];
  }

  purgeReplies(): void {
    this.#replies.length = 0;
  }

  get #bitNs(): number {
    const base = this.#divideBy5 ? 12e6 : 60e6;
    return ((this.#threePhase ? 3 : 2) * (1 + this.#divisor) * 1e9) / base;
  }

  /** Carries out the command at `from`, if it is there whole: where the next one begins. */
  #command(from: number): number {
    const code = this.#input[from];
    if (code === undefined) return from;
    const length = this.#lengthOf(code, from);
    if (this.#input.length < from + length) return from;
    this.commands++;
    this.at += COMMAND_NS;
    const args = this.#input.slice(from + 1, from + length);
    if ((code & NO_SHIFT) === 0 && code & (WRITE | READ | TMS)) this.#shift(code, args);
    else this.#control(code, args);
    return from + length;
  }

  #lengthOf(code: number, from: number): number {
    if ((code & NO_SHIFT) !== 0) return 1 + (ARGUMENTS.get(code) ?? 0);
    if (code & TMS) return 3;
    if (code & BITS) return code & WRITE ? 3 : 2;
    if ((code & (WRITE | READ)) === 0) return 1;
    const count = (this.#input[from + 1] ?? 0) + ((this.#input[from + 2] ?? 0) << 8) + 1;
    return 3 + (code & WRITE ? count : 0);
  }

  #control(code: number, [first = 0, second = 0]: readonly number[]): void {
    const word = first | (second << 8);
    switch (code) {
      case 0x80:
        this.#levels = (this.#levels & 0xff00) | first;
        this.#outputs = (this.#outputs & 0xff00) | second;
        return this.#show();
      case 0x82:
        this.#levels = (this.#levels & 0xff) | (first << 8);
        this.#outputs = (this.#outputs & 0xff) | (second << 8);
        return this.#show();
      case 0x81:
        return void this.#replies.push(this.#board.read() & 0xff);
      case 0x83:
        return void this.#replies.push((this.#board.read() >> 8) & 0xff);
      case 0x84:
      case 0x85:
        this.#loopback = code === 0x84;
        return;
      case 0x86:
        this.#divisor = word;
        return;
      case 0x8a:
      case 0x8b:
        this.#divideBy5 = code === 0x8b;
        return;
      case 0x8c:
      case 0x8d:
        this.#threePhase = code === 0x8c;
        return;
      case 0x8e:
        return this.#idle(first + 1);
      case 0x8f:
        return this.#idle((word + 1) * 8);
      case 0x9e:
        this.#zeroOnly = word;
        return this.#show();
      // Sending at once, and adaptive clocking, change nothing here.
      case 0x87:
      case 0x96:
      case 0x97:
        return;
      default:
        this.#replies.push(BAD, code);
    }
  }

  #idle(cycles: number): void {
    for (let cycle = 0; cycle < cycles; cycle++) this.#cycle(undefined, 0);
  }

  #shift(code: number, args: readonly number[]): void {
    if (code & TMS) return this.#shiftTms(code, args);
    if (code & BITS) {
      const [count = 0, out = 0] = args;
      return this.#shiftByte(code, (count & 7) + 1, out);
    }
    const count = (args[0] ?? 0) + ((args[1] ?? 0) << 8) + 1;
    for (let i = 0; i < count; i++) this.#shiftByte(code, 8, args[2 + i] ?? 0);
  }

  #shiftByte(code: number, count: number, out: number): void {
    const held = this.#levels & AD.out ? 0xff : 0;
    const whole = count === 8 && (code & (LSB | READ_FALLING)) === 0 && !this.#loopback;
    const found = whole ? this.#board.byte?.(code & WRITE ? out : held, this.at, this.#bitNs) : undefined;
    if (found !== undefined) {
      this.at += Math.round(8 * this.#bitNs);
      this.clocks += 8;
      if (code & READ) this.#replies.push(found);
      return;
    }
    let reply = 0;
    for (let i = 0; i < count; i++) {
      const at = code & LSB ? i : 7 - i;
      const bit = this.#cycle(code & WRITE ? ((out >> at) & 1 ? AD.out : 0) : undefined, code);
      // Bits enter at the end that leaves room for those after them (AN_108, 3.4).
      reply = code & LSB ? (reply >> 1) | (bit << 7) : ((reply << 1) | bit) & 0xff;
    }
    if (code & READ) this.#replies.push(reply);
  }

  #shiftTms(code: number, [count = 0, bits = 0]: readonly number[]): void {
    let reply = 0;
    for (let i = 0; i <= (count & 7); i++) {
      this.#levels = (this.#levels & ~AD.select) | ((bits >> i) & 1 ? AD.select : 0);
      const bit = this.#cycle(bits & 0x80 ? AD.out : 0, code);
      reply = (reply >> 1) | (bit << 7);
    }
    if (code & READ) this.#replies.push(reply);
  }

  /** One clock, from wherever it idles to the other level and back. Data goes out before the first edge, or with it. */
  #cycle(out: number | undefined, code: number): 0 | 1 {
    const half = Math.max(1, Math.round(this.#bitNs / 2));
    const idle = this.#levels & AD.clock;
    const firstRises = idle === 0;
    const withFirst = firstRises !== ((code & WRITE_FALLING) !== 0);
    const put = () => {
      if (out !== undefined) this.#levels = (this.#levels & ~AD.out) | out;
    };
    if (!withFirst) put();
    this.#show();
    this.at += half;
    const sampleFirst = firstRises !== ((code & READ_FALLING) !== 0);
    let bit = this.#in();
    this.#levels ^= AD.clock;
    if (withFirst) put();
    this.#show();
    this.at += half;
    if (!sampleFirst) bit = this.#in();
    this.#levels ^= AD.clock;
    this.#show();
    this.clocks++;
    return bit;
  }

  #in(): 0 | 1 {
    if (this.#loopback) return this.#levels & AD.out ? 1 : 0;
    return this.#board.read() & AD.in ? 1 : 0;
  }

  #show(): void {
    const letGo = this.#zeroOnly & this.#levels;
    this.#board.pins(this.#levels, this.#outputs & ~letGo, Math.round(this.at));
  }
}

/** Bytes after a command that shifts nothing; none for those not here, among them what there is not. */
const ARGUMENTS: ReadonlyMap<number, number> = new Map([
  [0x80, 2],
  [0x82, 2],
  [0x86, 2],
  [0x8e, 1],
  [0x8f, 2],
  [0x9e, 2],
]);
