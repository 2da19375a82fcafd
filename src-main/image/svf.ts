import type { StableState, TapState } from '#shared/model/tap-state.ts';
import { allOnes, bitsFromDigits, putBits } from './svf-bits.ts';
import { SvfLexer, type SvfSentence } from './svf-lexer.ts';
import { pathOf, SvfWords } from './svf-words.ts';

/** What TDO must show, where the mask has ones. */
export interface SvfExpectation {
  readonly tdo: Uint8Array;
  readonly mask: Uint8Array;
}

/** A scan with its header and trailer in place; bit 0 of byte 0 goes first. */
export interface SvfScan {
  readonly kind: 'scan';
  readonly register: 'dr' | 'ir';
  readonly bits: number;
  readonly tdi: Uint8Array;
  readonly expected?: SvfExpectation;
  /** Bits before the ones of the command itself: its header's. */
  readonly header: number;
  readonly end: StableState;
}

export interface SvfRunTest {
  readonly kind: 'run-test';
  readonly state: StableState;
  /** Of TCK, or of the system clock. */
  readonly clocks: number;
  readonly clock: 'tck' | 'sck';
  readonly minSeconds: number;
  readonly maxSeconds: number;
  readonly end: StableState;
}

/** What a file asks for, everything that it remembers filled in. */
export type SvfAction =
  | SvfScan
  | SvfRunTest
  /** The states to go through; only one is a stable state to be reached by the usual way. */
  | { readonly kind: 'state'; readonly path: readonly TapState[] }
  /** Infinity is the full speed. */
  | { readonly kind: 'frequency'; readonly hz: number }
  | { readonly kind: 'test-reset'; readonly mode: 'on' | 'off' | 'z' | 'absent' }
  /** Parallel pins, which a probe does not have. */
  | { readonly kind: 'parallel' };

export type SvfStatement = SvfAction & {
  readonly line: number;
  /** Bytes of the file up to and including it. */
  readonly fileEnd: number;
};

/** What HDR, TIR and the like leave, and what a scan remembers of itself. */
interface Pattern {
  readonly bits: number;
  readonly tdi: Uint8Array;
  readonly tdo: Uint8Array | undefined;
  readonly mask: Uint8Array;
}

const EMPTY: Pattern = { bits: 0, tdi: new Uint8Array(), tdo: undefined, mask: new Uint8Array() };
const MOST_BITS = 2 ** 30;
const MOST_CLOCKS = 2 ** 40;
type PatternName = 'HDR' | 'TDR' | 'SDR' | 'HIR' | 'TIR' | 'SIR';
const PARALLEL = new Set(['PIO', 'PIOMAP']);

/**
 * Reads a Serial Vector Format file (specification revision E, Asset InterTest) as its bytes arrive; what is kept is one
 * statement and what the language remembers. Throws `svf-syntax` with the line.
 */
export class SvfReader {
  readonly #file: string;
  readonly #lexer: SvfLexer;
  readonly #patterns: Record<PatternName, Pattern> = {
    HDR: EMPTY,
    TDR: EMPTY,
    SDR: EMPTY,
    HIR: EMPTY,
    TIR: EMPTY,
    SIR: EMPTY,
  };
  readonly #endOf: Record<'dr' | 'ir', StableState> = { dr: 'idle', ir: 'idle' };
  #runState: StableState = 'idle';
  #runEnd: StableState = 'idle';
  #testResetAbsent = false;

  constructor(file: string) {
    this.#file = file;
    this.#lexer = new SvfLexer(file);
  }

  /** The statements that end in this piece of the file and ask for something. */
  *push(bytes: Uint8Array): Generator<SvfStatement> {
    for (const sentence of this.#lexer.push(bytes)) {
      const action = this.#action(sentence);
      if (action) yield { ...action, line: sentence.line, fileEnd: sentence.end };
    }
  }

  /** The file ends here: nothing may be open. */
  end(): void {
    this.#lexer.end();
  }

  #action(sentence: SvfSentence): SvfAction | undefined {
    const words = new SvfWords(this.#file, sentence);
    const action = this.#read(words);
    words.end();
    return action;
  }

  #read(words: SvfWords): SvfAction | undefined {
    const command = words.peek ?? '';
    if (isPattern(command)) {
      words.word('a command');
      return this.#pattern(command, words);
    }
    if (PARALLEL.has(command)) return parallel(words);
    switch (command) {
      case 'ENDDR':
      case 'ENDIR':
        words.word('a command');
        this.#endOf[command === 'ENDDR' ? 'dr' : 'ir'] = words.stable();
        return undefined;
      case 'FREQUENCY':
        words.word('a command');
        return frequency(words);
      case 'RUNTEST':
        words.word('a command');
        return this.#runTest(words);
      case 'STATE':
        words.word('a command');
        return { kind: 'state', path: pathOf(words) };
      case 'TRST':
        words.word('a command');
        return this.#testReset(words);
      default:
        return words.fail(
          'one of ENDDR, ENDIR, FREQUENCY, HDR, HIR, PIO, PIOMAP, RUNTEST, SDR, SIR, STATE, TDR, TIR, TRST',
        );
    }
  }

  #pattern(name: PatternName, words: SvfWords): SvfScan | undefined {
    const pattern = patternOf(this.#patterns[name], words);
    this.#patterns[name] = pattern;
    if (name === 'SDR') return this.#scan('dr', this.#patterns.HDR, pattern, this.#patterns.TDR);
    return name === 'SIR' ? this.#scan('ir', this.#patterns.HIR, pattern, this.#patterns.TIR) : undefined;
  }

  #scan(register: 'dr' | 'ir', header: Pattern, own: Pattern, trailer: Pattern): SvfScan {
    const parts = [header, own, trailer].filter(({ bits }) => bits > 0);
    const bits = parts.reduce((sum, part) => sum + part.bits, 0);
    const expects = parts.some(({ tdo }) => tdo);
    return {
      kind: 'scan',
      register,
      bits,
      tdi: joined(parts, bits, ({ tdi }) => tdi),
      header: header.bits,
      end: this.#endOf[register],
      ...(expects
        ? {
            expected: {
              tdo: joined(parts, bits, ({ tdo }) => tdo),
              mask: joined(parts, bits, ({ tdo, mask }) => tdo && mask),
            },
          }
        : {}),
    };
  }

  /** `[run state] (count TCK|SCK | seconds SEC | both) [MAXIMUM seconds SEC] [ENDSTATE state]` */
  #runTest(words: SvfWords): SvfRunTest {
    const named = words.maybeStable();
    if (named !== undefined) [this.#runState, this.#runEnd] = [named, named];
    const timing = timingOf(words);
    if (words.takes('ENDSTATE')) this.#runEnd = words.stable();
    return { kind: 'run-test', state: this.#runState, ...timing, end: this.#runEnd };
  }

  #testReset(words: SvfWords): SvfAction {
    const mode = (['on', 'off', 'z', 'absent'] as const).find((known) => words.takes(known.toUpperCase()));
    if (mode === undefined) words.fail('one of ON, OFF, Z, ABSENT');
    if (this.#testResetAbsent) words.fail('no TRST after TRST ABSENT');
    this.#testResetAbsent = mode === 'absent';
    return { kind: 'test-reset', mode };
  }
}

function isPattern(command: string): command is PatternName {
  return /^[HTS][DI]R$/u.test(command);
}

/** `length [TDI (hex)] [SMASK (hex)] [TDO (hex)] [MASK (hex)]`, in any order; TDI and the masks are remembered. */
function patternOf(before: Pattern, words: SvfWords): Pattern {
  const bits = words.whole('a number of bits', MOST_BITS);
  const same = bits === before.bits;
  const given: Partial<Record<'TDI' | 'TDO' | 'MASK' | 'SMASK', Uint8Array>> = {};
  while (words.more) {
    const name = (['TDI', 'TDO', 'MASK', 'SMASK'] as const).find((known) => words.takes(known));
    if (name === undefined || given[name]) words.fail('TDI, TDO, MASK or SMASK, each once');
    const value = bitsFromDigits(words.hex('hexadecimal digits between parentheses'), bits);
    if (!value) words.fail(`a ${name} of at most ${bits} bits before this`);
    given[name] = value;
  }
  const tdi = given.TDI ?? (same ? before.tdi : undefined);
  if (!tdi && bits > 0) words.fail(`TDI: nothing of ${bits} bits was given before`);
  return {
    bits,
    tdi: tdi ?? new Uint8Array(),
    tdo: given.TDO,
    // SMASK says which TDI bits matter; all of them are sent as they are, so it asks for nothing.
    mask: given.MASK ?? (same ? before.mask : allOnes(bits)),
  };
}

function joined(parts: readonly Pattern[], bits: number, pick: (part: Pattern) => Uint8Array | undefined): Uint8Array {
  const [only] = parts;
  if (only && parts.length === 1) return pick(only) ?? new Uint8Array(Math.ceil(bits / 8));
  const out = new Uint8Array(Math.ceil(bits / 8));
  let at = 0;
  for (const part of parts) {
    const picked = pick(part);
    if (picked) putBits(out, at, picked, part.bits);
    at += part.bits;
  }
  return out;
}

function frequency(words: SvfWords): SvfAction {
  if (!words.more) return { kind: 'frequency', hz: Infinity };
  const hz = words.real();
  if (hz === undefined || hz < 1) words.fail('a frequency of at least 1 HZ, or nothing');
  if (!words.takes('HZ')) words.fail('HZ');
  return { kind: 'frequency', hz };
}

function timingOf(words: SvfWords): Pick<SvfRunTest, 'clocks' | 'clock' | 'minSeconds' | 'maxSeconds'> {
  let [clocks, minSeconds]: [number | undefined, number | undefined] = [undefined, undefined];
  let clock: 'tck' | 'sck' = 'tck';
  const first = words.real();
  if (first === undefined) words.fail('a number of clocks, or of seconds');
  if (words.takes('SEC')) minSeconds = first;
  else {
    clock = words.takes('SCK') ? 'sck' : 'tck';
    if (clock === 'tck' && !words.takes('TCK')) words.fail('TCK, SCK or SEC');
    if (!Number.isSafeInteger(first) || first > MOST_CLOCKS) words.fail('a whole number of clocks before this');
    clocks = first;
    minSeconds = words.real();
    if (minSeconds !== undefined && !words.takes('SEC')) words.fail('SEC');
  }
  let maxSeconds = Infinity;
  if (words.takes('MAXIMUM')) {
    maxSeconds = words.real() ?? words.fail('a number of seconds');
    if (!words.takes('SEC')) words.fail('SEC');
    if (maxSeconds < (minSeconds ?? 0)) words.fail('a maximum that is not below the minimum, before this');
  }
  return { clocks: clocks ?? 0, clock, minSeconds: minSeconds ?? 0, maxSeconds };
}

/** PIO drives parallel pins; PIOMAP only names them. */
function parallel(words: SvfWords): SvfAction | undefined {
  const command = words.word('a command');
  if (!words.takesHex()) words.fail('an opening parenthesis');
  return command === 'PIO' ? { kind: 'parallel' } : undefined;
}
