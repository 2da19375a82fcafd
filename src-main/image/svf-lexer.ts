import { FlashlineError } from '#shared/model/failure.ts';

/** One word, or what stands between two parentheses. `line` counts from 1. */
export type SvfToken =
  | { readonly kind: 'word'; readonly text: string; readonly line: number }
  /** Hexadecimal digits by value, the most significant first. */
  | { readonly kind: 'hex'; readonly digits: Uint8Array; readonly line: number };

/** The tokens up to a semicolon. */
export interface SvfSentence {
  /** Where its first word stands. */
  readonly line: number;
  /** Bytes of the file up to and including its semicolon. */
  readonly end: number;
  readonly tokens: readonly SvfToken[];
}

/** No word of the language is longer, numbers included; what is longer is no SVF. */
const LONGEST_WORD = 64;
const MOST_TOKENS = 256;
/** 2^30 bits: beyond any device, below what would trouble the station. */
const MOST_DIGITS = 2 ** 28;
const FIRST_DIGITS = 256;

const NO_DIGIT = 0xff;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGITS[digit.charCodeAt(0)] = value;
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}

const LF = 0x0a;
const CR = 0x0d;
const BANG = 0x21;
const SLASH = 0x2f;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
/** PIO and PIOMAP hold other things than hexadecimal digits between their parentheses. */
const PARALLEL = /^PIO(?:MAP)?$/iu;

/**
 * Cuts an SVF file (Serial Vector Format Specification, revision E) into sentences as its bytes arrive: what is kept is
 * one sentence, however long the file is. Throws `svf-syntax` with the line.
 */
export class SvfLexer {
  readonly #file: string;
  #line = 1;
  #offset = 0;
  #where: 'between' | 'word' | 'hex' | 'slash' | 'comment' = 'between';
  /** What a comment interrupts. */
  #within: 'between' | 'hex' = 'between';
  #afterCr = false;
  #tokens: SvfToken[] = [];
  #word = '';
  #digits: Uint8Array = new Uint8Array(FIRST_DIGITS);
  #count = 0;
  #openLine = 1;
  #parallel = false;

  constructor(file: string) {
    this.#file = file;
  }

  /** The sentences that end in this piece of the file. */
  *push(bytes: Uint8Array): Generator<SvfSentence> {
    for (let at = 0; at < bytes.length; at++) {
      if (this.#where === 'hex' && !this.#parallel) at += this.#takeDigits(bytes, at);
      const byte = bytes[at];
      if (byte === undefined) return;
      this.#offset++;
      const sentence = this.#take(byte);
      this.#countLine(byte);
      if (sentence) yield sentence;
    }
  }

  /** A run of digits at once: most of a file is nothing else. How many there were. */
  #takeDigits(bytes: Uint8Array, from: number): number {
    let at = from;
    for (; at < bytes.length; at++) {
      const value = DIGITS[bytes[at] ?? 0] ?? NO_DIGIT;
      if (value === NO_DIGIT) break;
      if (this.#count === this.#digits.length) this.#grow();
      this.#digits[this.#count++] = value;
    }
    if (at > from) this.#afterCr = false;
    this.#offset += at - from;
    return at - from;
  }

  /** The file ends here. */
  end(): void {
    if (this.#where === 'slash') this.#fail('a second / after /');
    this.#endWord();
    const [first] = this.#tokens;
    if (this.#where === 'hex' || (this.#where === 'comment' && this.#within === 'hex')) {
      this.#fail('a closing parenthesis; the file may be cut short', this.#openLine);
    }
    if (first) this.#fail('a semicolon; the file may be cut short', first.line);
  }

  #take(byte: number): SvfSentence | undefined {
    if (this.#where === 'comment') {
      if (byte === LF || byte === CR) this.#where = this.#within;
      return undefined;
    }
    if (this.#where === 'slash') {
      if (byte !== SLASH) this.#fail('a second / after /');
      this.#where = 'comment';
      return undefined;
    }
    if (byte === BANG || byte === SLASH) {
      this.#endWord();
      this.#within = this.#where === 'hex' ? 'hex' : 'between';
      this.#where = byte === BANG ? 'comment' : 'slash';
      return undefined;
    }
    return this.#where === 'hex' ? this.#inside(byte) : this.#outside(byte);
  }

  /** LF, CR and CR LF end a line. */
  #countLine(byte: number): void {
    if (byte === LF && this.#afterCr) {
      this.#afterCr = false;
      return;
    }
    this.#afterCr = byte === CR;
    if (byte === LF || byte === CR) this.#line++;
  }

  #outside(byte: number): SvfSentence | undefined {
    if (isBlank(byte)) this.#endWord();
    else if (byte === OPEN) this.#open();
    else if (byte === SEMICOLON) return this.#sentence();
    else this.#letter(byte);
    return undefined;
  }

  #letter(byte: number): void {
    if (byte <= 0x20 || byte >= 0x7f || byte === CLOSE)
      this.#fail('a word, a number, an opening parenthesis or a semicolon');
    this.#word += String.fromCodePoint(byte);
    this.#where = 'word';
    if (this.#word.length > LONGEST_WORD) this.#fail('a word of the language; this file may be no SVF');
  }

  #open(): void {
    this.#endWord();
    const [first] = this.#tokens;
    this.#parallel = first?.kind === 'word' && PARALLEL.test(first.text);
    this.#where = 'hex';
    this.#count = 0;
    this.#openLine = this.#line;
  }

  #inside(byte: number): undefined {
    if (byte === CLOSE) {
      this.#add({ kind: 'hex', digits: this.#digits.slice(0, this.#count), line: this.#openLine });
      this.#where = 'between';
      return;
    }
    if (isBlank(byte) || this.#parallel) return;
    // Digits were taken before.
    this.#fail('a hexadecimal digit or a closing parenthesis');
  }

  #grow(): void {
    if (this.#count >= MOST_DIGITS) this.#fail(`at most ${MOST_DIGITS} hexadecimal digits`);
    const grown = new Uint8Array(this.#digits.length * 2);
    grown.set(this.#digits);
    this.#digits = grown;
  }

  #endWord(): void {
    if (this.#where !== 'word') return;
    this.#add({ kind: 'word', text: this.#word, line: this.#line });
    this.#word = '';
    this.#where = 'between';
  }

  #add(token: SvfToken): void {
    if (this.#tokens.length === MOST_TOKENS) this.#fail('a semicolon; this file may be no SVF');
    this.#tokens.push(token);
  }

  #sentence(): SvfSentence | undefined {
    this.#endWord();
    const tokens = this.#tokens;
    this.#tokens = [];
    // An empty one between two semicolons is none.
    const [first] = tokens;
    return first && { line: first.line, end: this.#offset, tokens };
  }

  #fail(expected: string, line = this.#line): never {
    throw svfSyntax(this.#file, line, expected);
  }
}

export function svfSyntax(file: string, line: number, expected: string): FlashlineError<'svf-syntax'> {
  return new FlashlineError('svf-syntax', { where: { file, line }, params: { expected } });
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
