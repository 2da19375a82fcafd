import type { z } from 'zod';

/** Keys and indices from the top of a document. */
export type Path = readonly PropertyKey[];

/** What a schema found, in words for somebody who knows the product and not our schemas. */
export interface Described {
  readonly path: Path;
  readonly detail: string;
}

/** `source` gives a scalar as it stands in the file. */
export function describeIssue(issue: z.core.$ZodIssue, source: (path: Path) => string | undefined): Described[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      detail: 'this key is not known here; correct or remove it',
    }));
  }
  const found = source(path);
  const rule = ruleWords(issue, found);
  if (issue.input === undefined && found === undefined) return [{ path, detail: `is missing; it ${rule}` }];
  if (found === '') return [{ path, detail: `has no value; it ${rule}` }];
  return [{ path, detail: found === undefined ? rule : `${rule} (it is “${shortened(found)}”)` }];
}

function ruleWords(issue: z.core.$ZodIssue, found: string | undefined): string {
  if (issue.code === 'invalid_type') return typeWords(issue.expected, found);
  if (issue.code === 'invalid_value') return `must be ${oneOf(issue.values)}`;
  if (issue.code === 'invalid_format') return `must match ${issue.pattern ?? issue.format}`;
  if (issue.code === 'too_small') return sizeWords(issue.origin, 'at least', Number(issue.minimum), issue.inclusive);
  if (issue.code === 'too_big') return sizeWords(issue.origin, 'at most', Number(issue.maximum), issue.inclusive);
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) return `must be one that is known`;
  return issue.message;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a block of keys',
  array: 'a list (lines that begin with “-”)',
};

function typeWords(expected: string, found: string | undefined): string {
  const words = TYPE_WORDS[expected] ?? expected;
  return expected === 'string' && found ? `must be text: write it in quotes, '${found}'` : `must be ${words}`;
}

function sizeWords(origin: string, bound: 'at least' | 'at most', limit: number, inclusive = true): string {
  const than = inclusive ? bound : bound === 'at least' ? 'more than' : 'less than';
  if (origin === 'string' && limit === 1) return 'must not be empty';
  if (origin === 'string') return `must have ${than} ${limit} characters`;
  if (origin === 'array') return `needs ${than} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  return `must be ${than} ${limit > 0xffff ? `0x${limit.toString(16)}` : limit}`;
}

function oneOf(values: readonly unknown[]): string {
  const words = values.map(String);
  return words.length === 1 ? (words[0] ?? '') : `one of ${words.join(', ')}`;
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
