import {
  isStable,
  STABLE_STATES,
  type StableState,
  TAP_STATES,
  type TapState,
  tapStateAfter,
} from '#shared/model/tap-state.ts';
import { svfSyntax, type SvfSentence, type SvfToken } from './svf-lexer.ts';

const DECIMAL = /^\d{1,15}$/u;
const REAL = /^(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d{1,3})?$/iu;

/** The tokens of one sentence, taken in order. What is missing or odd throws `svf-syntax` at its line. */
export class SvfWords {
  readonly file: string;
  readonly #tokens: readonly SvfToken[];
  #at = 0;
  #line: number;

  constructor(file: string, sentence: SvfSentence) {
    this.file = file;
    this.#tokens = sentence.tokens;
    this.#line = sentence.line;
  }

  get more(): boolean {
    return this.#at < this.#tokens.length;
  }

  /** The next word in upper case, if a word comes next; it stays the next. */
  get peek(): string | undefined {
    const token = this.#tokens[this.#at];
    return token?.kind === 'word' ? token.text.toUpperCase() : undefined;
  }

  word(expected: string): string {
    const { peek } = this;
    if (peek === undefined) this.fail(expected);
    this.#advance();
    return peek;
  }

  /** Takes the next word if it is this one. */
  takes(word: string): boolean {
    if (this.peek !== word) return false;
    this.#advance();
    return true;
  }

  hex(expected: string): Uint8Array {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'hex') this.fail(expected);
    this.#advance();
    return token.digits;
  }

  /** Takes what stands between parentheses, if it comes next. */
  takesHex(): boolean {
    if (this.#tokens[this.#at]?.kind !== 'hex') return false;
    this.#advance();
    return true;
  }

  whole(expected: string, most: number): number {
    const text = this.peek;
    if (text === undefined || !DECIMAL.test(text) || Number(text) > most) this.fail(expected);
    this.#advance();
    return Number(text);
  }

  /** A real number of zero or more; undefined, and nothing taken, if none comes next. */
  real(): number | undefined {
    const text = this.peek;
    if (text === undefined || !REAL.test(text)) return undefined;
    this.#advance();
    return Number(text);
  }

  state(): TapState {
    const name = this.peek?.toLowerCase();
    const state = TAP_STATES.find((known) => known === name);
    if (state === undefined) this.fail('the name of a TAP state');
    this.#advance();
    return state;
  }

  stable(): StableState {
    return this.maybeStable() ?? this.fail('one of RESET, IDLE, DRPAUSE, IRPAUSE');
  }

  /** Undefined, and nothing taken, if no stable state comes next. */
  maybeStable(): StableState | undefined {
    const name = this.peek?.toLowerCase();
    const state = STABLE_STATES.find((known) => known === name);
    if (state !== undefined) this.#advance();
    return state;
  }

  /** Nothing is left. */
  end(): void {
    if (this.more) this.fail('a semicolon');
  }

  fail(expected: string): never {
    throw svfSyntax(this.file, this.#tokens[this.#at]?.line ?? this.#line, expected);
  }

  #advance(): void {
    this.#line = this.#tokens[this.#at]?.line ?? this.#line;
    this.#at++;
  }
}

/** STATE's path: each state follows from the one before it, and the last is a stable one. */
export function pathOf(words: SvfWords): readonly TapState[] {
  const path: TapState[] = [words.state()];
  while (words.more) {
    const from = path.at(-1);
    const next = words.state();
    if (from && tapStateAfter(from, 0) !== next && tapStateAfter(from, 1) !== next) {
      words.fail(`a state that follows ${from.toUpperCase()}, before ${next.toUpperCase()}`);
    }
    path.push(next);
  }
  const last = path.at(-1);
  if (!last || !isStable(last)) words.fail('a path that ends in RESET, IDLE, DRPAUSE or IRPAUSE');
  return path;
}
