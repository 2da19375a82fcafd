import { hexAddress } from '#shared/base/bytes.ts';
import type { Failure } from '#shared/model/failure.ts';

/** Milliseconds as seconds with a fixed number of decimal places: times that run keep their width. */
export function seconds(ms: number, language: string, places = 1): string {
  return new Intl.NumberFormat(language, { minimumFractionDigits: places, maximumFractionDigits: places }).format(
    ms / 1000,
  );
}

export function kibibytes(bytes: number, language: string): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 0 }).format(Math.ceil(bytes / 1024));
}

/** ISO 8601 to local date and time; anything else stays as it is. */
export function dateTime(iso: string, language: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' }).format(date);
}

/** A failure's values the way an operator reads them. */
export function readableParams({ params }: Failure, language: string): Record<string, string> {
  return {
    ...params,
    ...(params['when'] === undefined ? {} : { when: dateTime(params['when'], language) }),
    ...(params['since'] === undefined ? {} : { since: dateTime(params['since'], language) }),
    ...(params['pattern'] === undefined ? {} : { pattern: patternExample(params['pattern']) }),
  };
}

/** What is said of the plant, its times the way an operator reads them. */
export function syncParams(params: Readonly<Record<string, string | number>>, language: string) {
  const time = (name: string) => dateTime(String(params[name] ?? ''), language);
  return { ...params, until: time('until'), contact: time('contact') };
}

/** Where it went wrong, in a word: address, or line, or nothing. */
export function place({ where }: Failure): string {
  if (where.address !== undefined) return hexAddress(where.address);
  if (where.file !== undefined) return where.line === undefined ? where.file : `${where.file}:${where.line}`;
  return '';
}

/** A simple pattern as an example: `^HB[0-9]{6}$` is `HB000000`. Others are shown as they are. */
export function patternExample(pattern: string): string {
  const example = pattern
    .replace(/^\^|\$$/g, '')
    .replaceAll(/(?:\[0-9\]|\\d)(?:\{(\d+)\})?/g, (_, count: string | undefined) => '0'.repeat(Number(count ?? 1)))
    .replaceAll(/\[A-Z\](?:\{(\d+)\})?/g, (_, count: string | undefined) => 'A'.repeat(Number(count ?? 1)));
  return /[\\^$.*+?()[\]{}|]/.test(example) ? pattern : example;
}
