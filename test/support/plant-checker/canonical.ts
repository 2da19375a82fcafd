import { createHash } from 'node:crypto';

/** RFC 8785 for what JSON.parse gives: members by UTF-16 code units, no white space. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const names = Object.keys(value).sort((a, b) => (a < b ? -1 : 1));
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(Reflect.get(value, name))}`).join()}}`;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** Of a record as it is kept: its canonical JSON without its own hash. */
export function hashOf(record: Readonly<Record<string, unknown>>): string {
  const { hash: _own, ...rest } = record;
  return sha256(canonical(rest));
}
