import { RE2JS } from 're2js';

/**
 * A regular expression that costs time in proportion to its text, whatever it is: those of a recipe are not trusted, and
 * JavaScript's own engine may take longer than a shift for one of 20 characters. RE2's syntax: no looking around, no
 * references back, no more than 1000 repetitions.
 */
export interface LinearPattern {
  readonly source: string;
  /** Names of its named groups. */
  readonly groups: readonly string[];
  readonly test: (text: string) => boolean;
  /** The first place that it fits; null where there is none. */
  readonly match: (text: string) => PatternMatch | null;
}

export interface PatternMatch {
  readonly start: number;
  /** Behind the last character. */
  readonly end: number;
  /** Where a named group stands; undefined where it took no part. Positions count UTF-16 units from 0. */
  readonly group: (name: string) => { readonly start: number; readonly text: string } | undefined;
}

/** Characters of a pattern; what is matched against it is a barcode of at most some hundred. */
const MAX_SOURCE = 512;
/** Instructions after repetitions were written out: each costs a step a character at worst. */
const MAX_PROGRAM = 20_000;

/** Throws RangeError with the reason, in words for whoever wrote the pattern. */
export function linearPattern(source: string): LinearPattern {
  if (source.length > MAX_SOURCE) throw new RangeError(`has more than ${MAX_SOURCE} characters`);
  const compiled = compile(source);
  if (compiled.programSize() > MAX_PROGRAM) throw new RangeError('repeats too much: write it shorter');
  const groups = Object.keys(compiled.namedGroups());
  const match = (text: string): PatternMatch | null => {
    const matcher = compiled.matcher(text);
    if (!matcher.find()) return null;
    return {
      start: matcher.start(),
      end: matcher.end(),
      group: (name) => {
        const found = groups.includes(name) ? matcher.group(name) : null;
        return found === null ? undefined : { start: matcher.start(name), text: found };
      },
    };
  };
  return { source, groups, match, test: (text) => match(text) !== null };
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /u, '') : String(error);
    throw new RangeError(`is no regular expression that takes linear time: ${reason}`, { cause: error });
  }
}

/** Why it is none; undefined where it is one. */
export function patternFault(source: string): string | undefined {
  try {
    linearPattern(source);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}
