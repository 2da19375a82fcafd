import { FAILURES, type Failure, type FailureCode } from '#shared/model/failure.ts';
import { readableParams } from '../format.ts';
import type { TFunction } from 'i18next';

/** Local date and time with the zone's name: who reads a time far from the plant must know whose time it is. */
export function zonedTime(iso: string, language: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return new Intl.DateTimeFormat(language, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
  }).format(date);
}

/** `2028-02-29 11:59:50 UTC`. */
export function utcTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** A time span in its largest unit, rounded down: `3 min`, `2 hr`, `5 days`. */
export function span(ms: number, language: string): string {
  const [unit, size] = SPANS.find(([, size]) => ms >= size) ?? (['second', 1000] as const);
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short' }).format(
    Math.max(0, Math.floor(ms / size)),
  );
}

const SPANS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

export function percent(share: number | null, language: string): string {
  if (share === null) return '–';
  // Rounded down: nothing but all of them is 100 %.
  return new Intl.NumberFormat(language, {
    style: 'percent',
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
    roundingMode: 'floor',
  }).format(share);
}

export function count(value: number, language: string): string {
  return new Intl.NumberFormat(language).format(value);
}

export interface FailureWords {
  readonly sentence: string;
  readonly remedy: string;
}

/** A failure of a call in words. Some codes are worded for the station; the pages have words of their own for them. */
export function failureWords(failure: Failure, t: TFunction, language: string): FailureWords {
  const say = (what: 'sentence' | 'remedy'): string => {
    const params = readableParams(failure, language);
    const roles = params['roles'];
    if (roles !== undefined)
      params['roles'] = roles
        .split(/,\s*/)
        .map((role) => t(`role.${role}`, role))
        .join(', ');
    return t([`failure.${failure.code}.${what}`, `failures:${failure.code}.${what}`], params);
  };
  return { sentence: say('sentence'), remedy: say('remedy') };
}

/** How a run failed in words, with the values that its record kept. */
export function runFailureWords(failure: Failure, t: TFunction, language: string): FailureWords {
  const params = { ns: 'failures', ...readableParams(failure, language) };
  return { sentence: t(`${failure.code}.sentence`, params), remedy: t(`${failure.code}.remedy`, params) };
}

/** What all failures of a code have in common: its sentence with the values left open. */
export function failureKind(code: FailureCode, t: TFunction): string {
  const params = Object.fromEntries(FAILURES[code].params.map((name) => [name, '…']));
  return t(`${code}.sentence`, { ns: 'failures', ...params });
}
